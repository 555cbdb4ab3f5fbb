"""Purified images as controls for IT: whether a site returns when an attacked image is purified."""
