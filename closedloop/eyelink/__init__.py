"""EyeLink's own files (EDF): the tracker's samples at its own rate, and what the rig told it, on the tracker's clock.

Read by SR Research's library, which eyelinkio brings along, in a process with limits (`closedloop.confined`): these
files come from another computer, and the library is not ours. It was tried on recorded files alone, never at a tracker.

- `edf`: Reads a file's samples and messages.
- `marks`: Which of the messages are the rig's.
- `reading`: What runs in the other process.
"""
