"""Sections on what people decided: every line in words, and what is left out."""
