"""Gaze samples kept with a session: the file that the rig appends to, and its samples beside the journal's times."""
