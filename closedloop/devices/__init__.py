"""All files of one processor (NSP) of the recorder, read on one set of clock segments.

- `device`, `part`: A device, and one recording of it between a start and a stop. `port`: what is known of it, whoever
  made the recorder.
- `files`, `clock_segment_maps`: Which files belong together; the clock segments of one file on those of another.
- `succession`, `ends`: Whether recordings followed one another; files of one recording that end at different times.
- `shared_codes`: Digital codes of one processor on the clock of another.
- `photodiode`: The photodiode's channel, in whichever file it is.
"""
