"""Models that open elsewhere, and responses that were recorded elsewhere."""
