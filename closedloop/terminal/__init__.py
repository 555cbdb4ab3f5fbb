"""How a command begins and ends, closedloop's and the rig's: signals, one line an error, exit codes."""
