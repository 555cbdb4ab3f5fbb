"""The commands of `rig` that show no session; whatever is heavy is imported inside of them."""
