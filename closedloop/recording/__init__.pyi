from .counts import SpikeCounter, count_spikes, spike_counter
from .segments import Segment
from .source import ArraySource
from .spikes import Spikes
from .usability import usable

__all__ = [
    "ArraySource",
    "Segment",
    "SpikeCounter",
    "Spikes",
    "count_spikes",
    "spike_counter",
    "usable",
]
