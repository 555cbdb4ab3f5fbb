"""What the page shows of a study: a module a panel."""
