"""`closedloop base-model`: what is asked for, checked; training; what others trained."""
