"""Describing a rig: what this computer has, and what `rig init` asks."""
