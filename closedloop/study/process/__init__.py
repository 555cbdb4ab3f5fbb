"""Who works on a study, how far that is, and what was left where it was killed."""
