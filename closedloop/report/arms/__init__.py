"""Arms beside each other on a page: which moved the sites most, and which model foretold what they did."""
