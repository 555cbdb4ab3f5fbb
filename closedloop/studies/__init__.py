"""Single questions outside the loop, each a function from its settings to a folder of results.

networks
    Which network, cut at which layer.
unit_sensitivity
    How far single units of a network can be moved (section 3.2; the black markers of Figure 1A).
"""
