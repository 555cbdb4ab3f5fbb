"""Planes of images around a clean one, for a few sites: planned, made and sealed, evaluated."""
