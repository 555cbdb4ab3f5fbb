"""Analysis of responses: sensitivity, reliability, predictivity, spike times. numpy in, numpy out; no document."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
