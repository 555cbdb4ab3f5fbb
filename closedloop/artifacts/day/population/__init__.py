"""Attacks on a decoder of category: their kinds, and the files that they leave."""
