"""What evolving images leave: their codes, sealed with them, and what sites answered."""
