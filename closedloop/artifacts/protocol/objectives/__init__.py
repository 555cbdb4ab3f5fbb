"""Objectives other than an attack, as a protocol states them."""
