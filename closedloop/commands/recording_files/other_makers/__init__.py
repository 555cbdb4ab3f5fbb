"""`closedloop recording ...` on recorders of other makers, through neo."""
