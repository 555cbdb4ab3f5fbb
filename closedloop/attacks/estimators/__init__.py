"""Which gradient a search follows: the model's own, or one that the cortex is likelier to share.

estimator
    The port.
plain
    The model's own gradient at the image.
averaged
    The mean over samples of a randomly changed image.
transforms
    What changes it: shift, scale, noise. A new one is a new class here.
blurred
    Any of them without the gradient's finest detail.
ensemble
    Several models as one.
numbers
    Random numbers that depend on item, step and sample alone.
"""
