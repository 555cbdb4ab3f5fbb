"""How large perturbations are: the scale with its landmarks (Figure 1C), and single images over epsilon (Figure 1B)."""
