"""Gates between the stages: what was found at a checkpoint, and what of it holds the loop."""
