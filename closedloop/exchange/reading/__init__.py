"""Responses of a session out of a file that stands alone: an assembly, NWB, a table, or what a study exported."""
