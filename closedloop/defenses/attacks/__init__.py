"""Attacks on classifiers in the ball of the largest change of a value (L infinity), and through a defence's sampling.

The searches of `closedloop.attacks` raise one response as far as they can, an item by itself; these ask for a wrong
class, a whole batch of small images at once. Balls and gradients are the same code.
"""
