"""Following a recording: what came so far, and what ingest found in it.

- `codes`: Digital codes of a file that is being copied.
- `arrivals`: Which of the recorder's files are there, and what is still awaited.
- `onsets`: When the light came on after each code, once ingest has found that.
"""
