"""What is measured at the rig, and kept with a date in its description."""
