"""How to search: given what an item has gained so far, how far its next step goes, in which ball, and when to stop.

search
    The port, and what is known of an item's progress.
paper31
    The paper's: random start, a constant number of steps of constant size (section 3.1).
cosine
    A constant number of steps whose size falls along a cosine.
annealed
    Large steps first; a step that gained nothing is taken again from the best iterate, smaller.
strengthened
    The paper's for artificial units: restarts, the double ball first, annealing with restarts (section 3.2).
"""
