"""Text files that people and programs write: read within limits, parsed without surprises."""
