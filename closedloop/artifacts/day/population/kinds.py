"""The kinds of images that belong to attacks on a decoder."""

from __future__ import annotations

POPULATION = "population"
"""The kind of an image that is changed to mislead a decoder of all sites together."""

POPULATION_NOISE = "population_noise"
"""The kind of Gaussian noise of the same norm, on the same image, that belongs to each."""

POPULATION_KINDS = (POPULATION, POPULATION_NOISE)
"""Kinds that are never fitted and are in no estimate of sensitivity."""
