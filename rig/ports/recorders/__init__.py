"""Recording systems: who records, how it is told, and what shows that it does."""
