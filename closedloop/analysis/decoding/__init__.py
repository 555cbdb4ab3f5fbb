"""Linear decoders of an image's category from many sites: how right, by which margin, along which directions."""
