"""`closedloop studies ...`: single questions outside the loop."""
