"""What differs between two files of the catalog that ought to be the same."""
