from .definitions import BandPass as BandPass
from .definitions import Definition as Definition
from .definitions import definition_by_name as definition_by_name
from .photodiode import photodiode_edges as photodiode_edges
from .photodiode import steady_photodiode_edges as steady_photodiode_edges
from .spikes import detect as detect

__all__ = [
    "BandPass",
    "Definition",
    "definition_by_name",
    "detect",
    "photodiode_edges",
    "steady_photodiode_edges",
]
