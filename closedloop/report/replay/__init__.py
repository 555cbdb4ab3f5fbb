"""The page of days that were made again."""
