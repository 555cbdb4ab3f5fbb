"""`closedloop plan`: what a day will cost and can show."""
