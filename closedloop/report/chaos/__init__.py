"""The page of a study to which things went wrong on purpose."""
