"""What the operator sees of a running session, and what the operator may ask of it."""
