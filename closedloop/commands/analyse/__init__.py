"""A file of responses analysed without a study."""
