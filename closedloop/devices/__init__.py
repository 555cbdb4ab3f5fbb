"""All files of one processor (NSP) of the recorder, read on one set of epochs.

device, part
    A device, and one recording of it between a start and a stop.
files, epoch_maps
    Which files belong together; the epochs of one file on those of another.
photodiode
    The photodiode's channel, in whichever file it is.
"""
