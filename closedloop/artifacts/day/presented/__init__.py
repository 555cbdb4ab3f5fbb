"""What follows from the rows of a journal: faults, digital codes that were sent, distances between twins."""
