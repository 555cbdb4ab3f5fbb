"""The page on which people say same or different, on this machine alone, and the journals that it leaves."""
