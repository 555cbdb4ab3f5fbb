"""Gates in the loop: when they are asked, where they stop it, and what people decide of them."""
