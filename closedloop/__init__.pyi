from .access.opening import open_study
from .access.study import Study

__all__ = ["Study", "open_study"]

__version__: str
