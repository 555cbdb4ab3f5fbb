"""Numbers of a study beside those of the paper, each with its sentence."""
