"""Images that were made of clean ones: their rows of the day's tables, whoever made them."""
