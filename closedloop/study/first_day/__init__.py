"""What a laboratory needs before its first day: a protocol for its screen and hours, and a list of what to do."""
