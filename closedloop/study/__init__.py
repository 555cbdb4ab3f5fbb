"""A study's life: made, advanced stage by stage, kept account of, handed over between people and the loop."""
