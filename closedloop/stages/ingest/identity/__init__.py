"""Which electrode still is the one it was on day 0: what ingest publishes of it."""
