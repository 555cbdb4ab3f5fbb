"""A real study's day, rehearsed on a copy: its protocol, images, network, file names and rig, a simulated animal.

- `cut`, `copying`: The copy, marked as simulated, with fewer images where that was asked for.
- `names`, `recording`, `present`: The session, by the real rig; the recording, under the names of the real recorder.
- `table`: The day's stages with these two in place of a dry run's.
- `inspection`, `outcome`: What was tried, what was not, what is wrong, and how long the whole day takes.
"""
