"""Reading a study from its first byte to its last: what is not what it was, and what nobody wrote down."""
