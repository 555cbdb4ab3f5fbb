"""What is published and no longer follows from what people decided since: the next run makes it again."""
