"""Images that evolve by sites' own responses, as pages show them."""
