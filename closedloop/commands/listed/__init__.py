"""How `closedloop --help` lists the commands."""
