"""Following files that others write: each byte is read once, memory is bounded, and half a line is no line yet.

- `counted`, `tally`: A session's rows as numbers, kept so that a later launch can void them.
- `journal`: The rig's journal as it grows, or as it is synchronised from the rig's computer.
- `gaze`: The last of the gaze samples.
- `images`: Pictures of what is shown, from the session's own bytes.
- `codes`: Digital codes of a recording that is being copied.
- `arrivals`: Which of the recorder's files are there, and what is still awaited.
- `onsets`: What ingest found, as numbers for a chart.
"""
