"""The day's stages: thin; each reads files, calls the libraries and writes files, and none imports another."""
