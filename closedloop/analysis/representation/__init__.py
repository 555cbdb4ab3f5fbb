"""How alike two systems answer the same images: alignment of kernels, linear prediction, and what images tell of it."""
