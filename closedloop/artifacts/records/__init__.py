"""Files that grow by a line: chained lines, and the study's amendments."""
