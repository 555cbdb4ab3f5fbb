"""Decisions about a study that is under way, as commands."""
