"""How far sites followed a stated objective."""
