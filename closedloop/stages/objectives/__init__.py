"""Objectives other than an attack: which a day has, their bytes and sealed predictions, and what became of them."""
