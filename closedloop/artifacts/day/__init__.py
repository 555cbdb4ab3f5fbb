"""The documents of a recording day, a file for each stage that writes them."""
