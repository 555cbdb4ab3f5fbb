"""The recorder's own spikes, as neo's units have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.neo_files.source import NeoSource, open_neo, refusing
from closedloop.neo_files.streams import listed

_NUMBER = re.compile(r"\d+")
_SPIKES_A_WINDOW = 1_000_000


@dataclass(frozen=True)
class NeoUnits:
    """Units of a source: neo's indices, and the electrode of each."""

    source: NeoSource
    indices: tuple[int, ...]
    electrode_ids: tuple[int, ...]

    def read(self, block: int, neo_segment: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.uint16]]]:
        """Read a neo segment's spikes in windows that follow one another: seconds and electrodes, in order.

        Parameters
        ----------
        block, neo_segment
            neo's numbers.
        """
        rawio = open_neo(self.source).rawio
        with refusing(self.source):
            total = sum(int(rawio.spike_count(block, neo_segment, index)) for index in self.indices)
            bounds = (rawio.segment_t_start(block, neo_segment), rawio.segment_t_stop(block, neo_segment))
        inner = np.linspace(*bounds, total // _SPIKES_A_WINDOW + 2)[1:-1].tolist()
        edges = [-np.inf, *inner, np.inf]
        for start, stop in pairwise(edges):
            parts = [self._seconds(block, neo_segment, index, start, stop) for index in self.indices]
            seconds = np.concatenate([np.zeros(0), *parts])
            electrode = np.repeat(np.array(self.electrode_ids, np.uint16), [len(part) for part in parts])
            order = np.lexsort((electrode, seconds))
            yield seconds[order], electrode[order]

    def _seconds(self, block: int, neo_segment: int, index: int, start: float, stop: float) -> NDArray[np.float64]:
        with refusing(self.source):
            rawio = open_neo(self.source).rawio
            wanted = [None if np.isinf(bound) else bound for bound in (start, stop)]
            stamps = rawio.get_spike_timestamps(block, neo_segment, index, *wanted)
            seconds = np.asarray(rawio.rescale_spike_timestamp(np.asarray(stamps), "float64"), np.float64)
        return seconds[(seconds >= start) & (seconds < stop)]  # readers differ in what they do at the bounds


def find_units(source: NeoSource, patterns: Sequence[str]) -> NeoUnits:
    """Find units by names or patterns; the electrode of each is the first number in its name.

    Raises
    ------
    RecordingError
        A pattern fits none, or a unit has no number.
    """
    names = [str(channel["name"]) for channel in open_neo(source).rawio.header["spike_channels"]]
    found: dict[int, int] = {}
    for pattern in patterns:
        fitting = [index for index, name in enumerate(names) if fnmatchcase(name.lower(), pattern.lower())]
        if not fitting:
            raise RecordingError(
                f"{source.path}: expected units {pattern}, found {listed(names)}. Correct the recorder's description, "
                "or count from raw voltage."
            )
        for index in fitting:
            number = _NUMBER.search(names[index])
            if number is None or not 0 < int(number.group()) < 1 << 16:
                raise RecordingError(
                    f"{source.path}: expected the number of an electrode in the name of each unit, found "
                    f"{names[index]}. Choose others by `spikes: {{channels: [...]}}`."
                )
            found[index] = int(number.group())
    return NeoUnits(source, tuple(found), tuple(found.values()))
