"""A day that another program ran, with its recording: what was shown, when, and what the sites answered."""
