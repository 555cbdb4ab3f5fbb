"""What people's decisions make of a study: read from its amendments alone, the same for loop, rig, report and page."""
