"""Single images: how far one image can move one site, from many repetitions of it (section 2, Figure 3B)."""
