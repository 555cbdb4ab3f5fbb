"""`closedloop new`: a study by questions, from an empty folder to its first session."""
