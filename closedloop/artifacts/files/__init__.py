"""Where a stage's files lie, and how each kind of them is read and written."""
