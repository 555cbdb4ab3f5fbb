"""Images that evolve by sites' own responses: planned, made from all generations before, evaluated."""
