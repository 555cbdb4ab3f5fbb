"""A simulated subject and its recorder: a hidden cortex, its spikes, and the files that a Blackrock recorder writes."""
