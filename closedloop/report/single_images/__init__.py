"""Single sites and single images over epsilon: Figure 3, with slope tests corrected for their number."""
