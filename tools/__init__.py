"""What the developers of closedloop run: generated pages and the site. Not installed with the package."""
