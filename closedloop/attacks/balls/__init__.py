"""How far an attack may go: a ball around the clean image, cut by the pixel box [0, 1].

ball
    The port every search uses: where to start, which way is up, how to come back.
l2, linf
    The two norms. Every function takes one radius an item, so that a batch may mix epsilons.
units
    What an epsilon stated at 224 px is at another image size.
"""
