"""Ways of driving sites beside each other: which moved them most, and which model foretold what they did."""
