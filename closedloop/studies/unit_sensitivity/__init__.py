"""How far single units of a network can be moved: section 3.2, the black markers of Figure 1A."""
