"""Objectives other than an attack: what is sealed of them, and what became of them."""
