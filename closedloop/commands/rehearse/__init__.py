"""`closedloop rehearse`: a real study's day around a simulated animal, on a copy."""
