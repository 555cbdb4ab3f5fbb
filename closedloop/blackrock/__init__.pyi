from .info import read_info as read_info
from .maps import read_array_map as read_array_map
from .nev.events import read_nev as read_nev
from .nev.header import NevElectrode as NevElectrode
from .nev.packing import NevBatch as NevBatch
from .nev.waveforms import read_waveforms as read_waveforms
from .nev.writer import write_nev as write_nev
from .nsx.header import NsxChannel as NsxChannel
from .nsx.samples import open_samples as open_samples
from .nsx.writer import write_nsx as write_nsx

__all__ = [
    "NevBatch",
    "NevElectrode",
    "NsxChannel",
    "open_samples",
    "read_array_map",
    "read_info",
    "read_nev",
    "read_waveforms",
    "write_nev",
    "write_nsx",
]
