"""Screens: PsychoPy's and a headless one, behind one port, with what they draw where."""
