"""The page: on this machine alone, read by anybody who is logged in here, changed by who has the token."""
