"""The page and figures of a day's stimuli."""
