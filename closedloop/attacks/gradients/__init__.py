"""Which gradient a search follows.

- `estimators`: The port, and the gradients: plain, averaged, blurred, past soft rectifiers, of several models.
- `members`: Any of them, with the same say of each of several models.
- `transforms`: Random changes of the image that a gradient is averaged over: shift, scale, noise.
- `numbers`: Random numbers that depend on item, step and sample alone.
"""
