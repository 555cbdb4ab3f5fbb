"""What a study begins with where responses were recorded elsewhere: a fitted model, and whose sites they are."""
