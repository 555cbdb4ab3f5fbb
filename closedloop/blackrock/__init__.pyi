from .info import read_info as read_info
from .maps import read_array_map as read_array_map
from .neo_objects import to_neo as to_neo
from .nev.events import read_nev as read_nev
from .nev.header import NevElectrode as NevElectrode
from .nev.packing import NevBatch as NevBatch
from .nev.waveforms import SpikeWaveforms as SpikeWaveforms
from .nev.waveforms import read_waveforms as read_waveforms
from .nev.waveforms import stream_waveforms as stream_waveforms
from .nev.writer import write_nev as write_nev
from .nsx.header import NsxChannel as NsxChannel
from .nsx.samples import open_samples as open_samples
from .nsx.writer import write_nsx as write_nsx
from .scale_from_nev import with_scale_of as with_scale_of

__all__ = [
    "NevBatch",
    "NevElectrode",
    "NsxChannel",
    "SpikeWaveforms",
    "open_samples",
    "read_array_map",
    "read_info",
    "read_nev",
    "read_waveforms",
    "stream_waveforms",
    "to_neo",
    "with_scale_of",
    "write_nev",
    "write_nsx",
]
