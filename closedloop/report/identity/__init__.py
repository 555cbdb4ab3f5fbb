"""Which electrode still is the one it was: a picture of the sites over days, and tables with the names."""
