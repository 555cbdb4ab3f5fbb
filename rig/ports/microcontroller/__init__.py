"""The rig's microcontroller: its valve and its code lines, over one checked serial line."""
