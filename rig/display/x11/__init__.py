"""The X server, asked over a connection of the rig's own: screens, windows above ours, pixels, gamma, screen saver.

The only files that import python-xlib. They are imported on Linux alone.
"""
