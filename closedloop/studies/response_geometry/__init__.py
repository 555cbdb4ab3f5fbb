"""How responses bend over images, of networks, of fitted sites and, on planes of images, of recorded sites."""
