"""All files of one processor of the recorder, read on one set of epochs."""
