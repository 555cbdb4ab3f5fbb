"""Which gradient a search follows: the model's own, or one that the cortex is likelier to share.

estimator
    The port.
plain
    The model's own gradient at the image.
"""
