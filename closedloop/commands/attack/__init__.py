"""`closedloop attack`: attacks of any model's outputs on any images, without a study."""
