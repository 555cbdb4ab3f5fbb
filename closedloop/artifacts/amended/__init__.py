"""What people's decisions make of a study: pure functions over its amendments."""
