"""What is measured at a rig: procedures for the operator, and where their results are kept."""
