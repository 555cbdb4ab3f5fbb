"""Responses that a laboratory recorded elsewhere, as a study begins with them."""
