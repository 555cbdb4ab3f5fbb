"""All files of one processor (NSP) of the recorder, read on one set of clock segments.

- `device`, `part`: A device, and one recording of it between a start and a stop. `port`: what is known of it, whoever
  made the recorder.
- `files`, `clock_segment_maps`: Which files belong together; the clock segments of one file on those of another.
- `photodiode`: The photodiode's channel, in whichever file it is.
"""
