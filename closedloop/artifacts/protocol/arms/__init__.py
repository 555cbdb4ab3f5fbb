"""Arms: the protocol's section, and what the models of a day are called."""
