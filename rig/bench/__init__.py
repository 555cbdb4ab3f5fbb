"""Devices on the bench: tried by a person before they stand beside an animal."""
