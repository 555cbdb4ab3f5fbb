"""Objectives other than an attack, as pages show them."""
