"""A study as Brain-Score has recordings: a stimulus set and an assembly of neuroids."""
