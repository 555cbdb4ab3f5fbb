"""Asked before a session is shown: whether it is the one that was meant, and the day can be held."""
