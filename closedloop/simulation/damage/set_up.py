"""Spoil a written recording as a set-up does that is not as it was.

Exchanged headstages, moved thresholds, a display that does not wait for its frames: the files stay whole and can be
read, and what is wrong is what they say. Every function changes a file in place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nev.layout import DIGITAL_PACKET
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.blackrock.nsx.writer import WrittenChunk
from closedloop.simulation.damage.nev import change_packets
from closedloop.simulation.damage.nsx import write_anew
from closedloop.storage import rename

_LIGHT = "photodiode"  # beginning of its channel's label
_AROUND_S = 0.045  # what moves with an edge: less than half of the shortest time between two


def renumber_electrodes(file: Path, numbers: Mapping[int, int]) -> None:
    """Give the spikes of electrodes other numbers: headstages exchanged, a connector one pin off.

    Parameters
    ----------
    file
        The NEV.
    numbers
        New number by old one; others keep theirs.
    """
    table = np.arange(np.iinfo(np.uint16).max + 1, dtype=np.uint16)
    table[list(numbers)] = list(numbers.values())

    def renumbered(packets: NDArray[np.void]) -> NDArray[np.void]:
        packets["kind"] = table[packets["kind"]]
        return packets

    change_packets(file, renumbered)


def thin_spikes(file: Path, *, kept: float, electrodes: Collection[int], seed: int = 0) -> None:
    """Leave spikes out by chance: thresholds further from zero, or a dead connector.

    Parameters
    ----------
    file
        The NEV.
    kept
        Probability of each spike to stay.
    electrodes
        On which.
    seed
        Decides which spikes stay.
    """

    def thinned(packets: NDArray[np.void]) -> NDArray[np.void]:
        stays = np.random.default_rng(seed).random(len(packets)) < kept
        return packets[stays | ~np.isin(packets["kind"], list(electrodes))]

    change_packets(file, thinned)


def lend_spikes(file: Path, *, part: float, electrodes: Collection[int], to: int, seed: int = 0) -> None:
    """Give a part of some electrodes' spikes to another, which comes to answer as a mixture of them; its own are gone.

    Parameters
    ----------
    file
        The NEV.
    part
        Probability of each spike to be given away.
    electrodes
        Whose.
    to
        Which electrode has them then.
    seed
        Decides which.
    """

    def lent(packets: NDArray[np.void]) -> NDArray[np.void]:
        packets = packets[packets["kind"] != to]
        is_lent = np.random.default_rng(seed).random(len(packets)) < part
        packets["kind"][is_lent & np.isin(packets["kind"], list(electrodes))] = to
        return packets

    change_packets(file, lent)


def scatter_spikes(file: Path, *, part: float, electrodes: Collection[int], seed: int = 0) -> None:
    """Give a part of the spikes times by chance, within what the file has: noise in place of cells.

    Parameters
    ----------
    file
        The NEV.
    part
        Probability of each spike to be moved.
    electrodes
        On which.
    seed
        Decides which, and where to.
    """

    def scattered(packets: NDArray[np.void]) -> NDArray[np.void]:
        random = np.random.default_rng(seed)
        moved = (random.random(len(packets)) < part) & np.isin(packets["kind"], list(electrodes))
        first, last = int(packets["tick"].min()), int(packets["tick"].max())
        packets["tick"][moved] = random.integers(first, last, int(moved.sum()))
        return packets[np.argsort(packets["tick"], kind="stable")]

    change_packets(file, scattered)


def delay_codes(file: Path, *, most_ms: float, seed: int = 0) -> None:
    """Store digital codes later than they came, each by its own time from nothing to a longest one: a busy computer.

    Parameters
    ----------
    file
        The NEV.
    most_ms
        The longest delay.
    seed
        Decides each.
    """
    tick_hz = read_nev_header(file).tick_hz

    def delayed(packets: NDArray[np.void]) -> NDArray[np.void]:
        is_code = packets["kind"] == DIGITAL_PACKET
        late = np.random.default_rng(seed).uniform(0, most_ms * tick_hz / 1000, int(is_code.sum()))
        packets["tick"][is_code] += late.astype(packets["tick"].dtype)
        return packets[np.argsort(packets["tick"], kind="stable")]

    change_packets(file, delayed)


def move_light(file: Path, *, later_ms: float, sd_ms: float = 0.0, seed: int = 0) -> None:
    """Move the edges of the photodiode: another display, or one that does not wait for its frames.

    Parameters
    ----------
    file
        The NSx with the photodiode; every other channel stays.
    later_ms
        By how much all are later; less than 20 ms, as is the sum of both.
    sd_ms
        Of a normal part that is another at each edge.
    seed
        Decides it.
    """
    source = open_samples(file)
    changed = file.with_name(f".{file.name}.changed")
    write_anew(changed, source, _with_moved_light(source, later_ms=later_ms, sd_ms=sd_ms, seed=seed))
    rename(changed, file)


def _with_moved_light(source: NsxSamples, *, later_ms: float, sd_ms: float, seed: int) -> Iterator[WrittenChunk]:
    random = np.random.default_rng(seed)
    (column,) = [row for row, channel in enumerate(source.header.channels) if channel.label.startswith(_LIGHT)]
    rate_hz = float(source.header.rate_hz)
    for number, segment in enumerate(source.segments):
        samples = np.array(source.read(number, 0, segment.n_samples))
        light = samples[:, column]
        is_on = light > (int(light.min()) + int(light.max())) / 2
        edges = np.flatnonzero(is_on[1:] & ~is_on[:-1]) + 1
        moved = np.round((later_ms + sd_ms * random.standard_normal(len(edges))) * rate_hz / 1000).astype(np.int64)
        samples[:, column] = light[_moved(len(light), edges, moved, around=round(_AROUND_S * rate_hz))]
        ticks = source.ticks(number, np.arange(segment.n_samples))
        yield ticks if source.header.layout.one_sample_a_block else int(ticks[0]), samples


def _moved(n: int, edges: NDArray[np.int64], moved: NDArray[np.int64], *, around: int) -> NDArray[np.int64]:
    """Return which sample stands where when what is around each edge moves, (n,)."""
    sample = np.arange(n)
    for edge, by in zip(edges.tolist(), moved.tolist(), strict=True):
        sample[max(edge - around, 0) : edge + around] -= by
    return np.clip(sample, 0, n - 1)
