"""The PsychoPy window and what belongs to it: the only files that import psychopy."""
