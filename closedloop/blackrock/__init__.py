"""Blackrock files: NSx and NEV read, repaired and written, what is in a file, array maps. Bytes in, arrays out."""
