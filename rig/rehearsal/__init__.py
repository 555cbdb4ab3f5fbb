"""A session on the real display with a scripted monkey, and how well it kept time: never data."""
