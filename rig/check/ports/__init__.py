"""Checks of what is wired to the rig: each port is opened, and stays open for the session."""
