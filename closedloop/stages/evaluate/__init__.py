"""The stage `evaluate`: how far the sites moved, against what was predicted and against checks."""
