"""Attacks beside their controls: pooled over days, with intervals, in all units, and drawn."""
