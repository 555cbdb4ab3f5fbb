"""Whether an electrode answers to the same neurons on two days."""
