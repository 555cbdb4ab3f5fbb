"""The figures of a day's plan."""
