"""A study's story, in order: what was made, shown and recorded, what the gates found, what people decided."""
