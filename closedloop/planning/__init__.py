"""What a day will cost and show, before the animal sits down: from the protocol, and from what past days recorded."""
