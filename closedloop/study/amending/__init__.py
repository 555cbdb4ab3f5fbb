"""Decisions of people: each is checked against the study as it is, and becomes a line of amendments.jsonl."""
