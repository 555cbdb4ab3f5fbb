"""The commands of the command line: one file or folder per command, imported only when it is used."""
