"""The section of the protocol on images that evolve by sites' own responses."""
