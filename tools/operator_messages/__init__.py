"""Every message that somebody at the rig can meet: found in the code, explained by hand, shown on one page."""
