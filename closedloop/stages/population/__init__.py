"""Attacks on a decoder of category: which a day has, the sealed decoder, their bytes, and what became of them."""
