"""Adversarial attacks on a model of recorded sites: which ball, what counts, how to search, on eight bits."""
