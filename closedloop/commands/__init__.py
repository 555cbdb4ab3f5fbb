"""What stands behind each command of the command line: one file a command, none imported before it is used."""
