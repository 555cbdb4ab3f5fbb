"""Networks: pixels to predicted responses of recorded sites, or to activations of artificial units.

A base model is a classifier cut at a layer; a site model is a base model with a linear readout of each site.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
