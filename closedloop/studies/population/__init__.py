"""What attacks on single sites and on all of them do to the decoding of category: the population-level robustness."""
