"""The loops that the service keeps running, each a process of its own: one crashes, and nothing else does."""
