"""Where the eye looked in a day's session: from the rig's gaze samples, and the tracker's own files."""
