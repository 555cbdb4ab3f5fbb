"""The description of a rig: what stands in front of the animal, whatever study is shown on it."""
