"""Purification (CARSO): classifiers defended by sampled recalls, under attacks that do and do not know it."""
