"""Damaged and hostile input for every reader: each is read, or refused in one line, in bounded time and memory.

`python -m tools.fuzz` (``make fuzz``) mutates sound files and reads each as the program does. Inputs depend on the
seed, the reader and their number alone, so that any of them can be made again.

- `reader`: What a reader is. `readers` holds their table: what to read, and where sound files come from.
- `mutations`, `text_mutations`: How bytes, and how lines and JSON, are spoiled.
- `verdict`: What is allowed: a result, or a line.
- `batch`: Reads inputs in a child process, one after the other.
- `supervision`: Starts such children, ends one that hangs, and tells which input it was.
- `run`: All readers, with what was found so far kept for the next command.
"""
