"""Fitting: site models to recorded responses, in closed form or by descent, and base models against attacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
