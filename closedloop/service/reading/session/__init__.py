"""Following a session: each byte of its journal is read once, memory is bounded, and half a line is no line yet.

- `kept`, `tally`, `counts`: Rows as numbers, kept so that a later launch can void them; and what they add up to.
- `journal`: The rig's journal as it grows, or as it is synchronised from the rig's computer.
- `places`: Where that journal is.
- `gaze`: The last of the gaze samples.
- `pictures`: Images of what is shown, from the session's own bytes.
"""
