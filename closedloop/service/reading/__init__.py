"""What the page's parts read of a study: published files, as they are, without a lock and without a write."""
