"""`closedloop discrimination`: an experiment with people, from its images to what they answered."""
