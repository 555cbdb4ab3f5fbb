"""Same or different: what rates of "different" say of how well two images are told apart."""
