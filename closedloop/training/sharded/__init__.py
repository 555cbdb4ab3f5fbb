"""Steps of a fit whose batches are split into shards: what a shard is, and who computes its gradient."""
