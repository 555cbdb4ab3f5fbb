from .codes import Edges as Edges
from .codes import ReceivedCodes as ReceivedCodes
from .codes import SentCodes as SentCodes
from .counts import count_spikes as count_spikes
from .counts import spike_counter as spike_counter
from .segments import Segment as Segment
from .source import ArraySource as ArraySource
from .spikes import Spikes as Spikes
from .usability import usable as usable

__all__ = [
    "ArraySource",
    "Edges",
    "ReceivedCodes",
    "Segment",
    "SentCodes",
    "Spikes",
    "count_spikes",
    "spike_counter",
    "usable",
]
