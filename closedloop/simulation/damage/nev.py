"""Damage a written NEV file as recorders, cables and copies do: for tests, and for whoever needs such a file.

Every function changes the file in place and holds its packets in memory. What comes from the times of the packets (a
pause, a reset, a synchronisation stub) needs no damage: `blackrock.nev.writer.write_nev` writes it. `cut_to` cuts any
file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nev.layout import DIGITAL_PACKET
from closedloop.blackrock.nev.runs import find_runs
from closedloop.simulation.damage.nsx import cut_off, cut_to
from closedloop.storage import read_bytes, write_bytes

__all__ = [
    "change_packets",
    "cut_off",
    "cut_to",
    "double_codes",
    "drop_codes",
    "flip_code_bits",
    "flip_tick_bit",
    "insert_packets",
    "shuffle",
]

_CODE_BITS = 16


def shuffle(file: Path, *, ticks: int = 5, seed: int = 0) -> None:
    """Store packets up to so many ticks after their time, within each run of the clock.

    Parameters
    ----------
    file
        The NEV, changed in place.
    ticks
        How late at most a packet is stored.
    seed
        Decides how late each is.
    """
    tick_hz = read_nev_header(file).tick_hz

    def reordered(packets: NDArray[np.void]) -> NDArray[np.void]:
        random = np.random.default_rng(seed)
        stored_at = packets["tick"].astype(np.int64) + random.integers(0, ticks + 1, len(packets))
        found = find_runs([packets["tick"].astype(np.int64)], tick_hz=tick_hz, place=str(file)).runs
        run = np.repeat(np.arange(len(found)), [one.end_packet - one.first_packet for one in found])
        return packets[np.lexsort((stored_at, run))]

    change_packets(file, reordered)


def flip_tick_bit(file: Path, *, packets: Sequence[int], bit: int) -> None:
    """Flip one bit in the time stamp of some packets, by their position in the file.

    Parameters
    ----------
    file
        The NEV, changed in place.
    packets
        Their positions.
    bit
        Which bit, 0 the lowest.
    """

    def flipped(rows: NDArray[np.void]) -> NDArray[np.void]:
        rows["tick"][list(packets)] ^= rows["tick"].dtype.type(1 << bit)
        return rows

    change_packets(file, flipped)


def drop_codes(file: Path, *, fraction: float, seed: int = 0) -> int:
    """Leave digital packets out by chance; return how many.

    Parameters
    ----------
    file
        The NEV, changed in place.
    fraction
        Probability of each digital packet.
    seed
        Decides which.
    """
    n_dropped = 0

    def kept(packets: NDArray[np.void]) -> NDArray[np.void]:
        nonlocal n_dropped
        hit = _some_codes(packets, fraction, seed)
        n_dropped = int(hit.sum())
        return packets[~hit]

    change_packets(file, kept)
    return n_dropped


def double_codes(file: Path, *, fraction: float, after_ticks: int = 1, seed: int = 0) -> int:
    """Store digital packets by chance a second time, a little later; return how many.

    Parameters
    ----------
    file
        The NEV, changed in place.
    fraction
        Probability of each digital packet.
    after_ticks
        How much later the second copy is.
    seed
        Decides which.
    """
    n_doubled = 0

    def doubled(packets: NDArray[np.void]) -> NDArray[np.void]:
        nonlocal n_doubled
        hit = _some_codes(packets, fraction, seed)
        n_doubled = int(hit.sum())
        again = np.repeat(packets, 1 + hit)
        second = np.flatnonzero(hit) + np.arange(1, n_doubled + 1)
        again["tick"][second] += again["tick"].dtype.type(after_ticks)
        return again

    change_packets(file, doubled)
    return n_doubled


def flip_code_bits(file: Path, *, fraction: float, seed: int = 0) -> int:
    """Flip one bit in the code of digital packets by chance; return in how many.

    Parameters
    ----------
    file
        The NEV, changed in place.
    fraction
        Probability of each digital packet.
    seed
        Decides which packets and bits.
    """
    n_flipped = 0

    def flipped(packets: NDArray[np.void]) -> NDArray[np.void]:
        nonlocal n_flipped
        hit = _some_codes(packets, fraction, seed)
        n_flipped = int(hit.sum())
        bits = np.random.default_rng([seed, 1]).integers(0, _CODE_BITS, n_flipped)
        packets["value"][hit] ^= (1 << bits).astype(np.uint16)
        return packets

    change_packets(file, flipped)
    return n_flipped


def insert_packets(file: Path, *, kind: int, every: int) -> int:
    """Insert an empty packet of some kind, at the same tick, before every so many packets; return how many.

    Parameters
    ----------
    file
        The NEV, changed in place.
    kind
        Packet id.
    every
        One before each so many packets.
    """
    n_inserted = 0

    def with_more(packets: NDArray[np.void]) -> NDArray[np.void]:
        nonlocal n_inserted
        at = np.arange(0, len(packets), every)
        n_inserted = len(at)
        more = np.zeros(len(at), packets.dtype)
        more["tick"], more["kind"] = packets["tick"][at], kind
        return np.insert(packets, at, more)

    change_packets(file, with_more)
    return n_inserted


def _some_codes(packets: NDArray[np.void], fraction: float, seed: int) -> NDArray[np.bool_]:
    chance = np.random.default_rng(seed).random(len(packets))
    return np.asarray((packets["kind"] == DIGITAL_PACKET) & (chance < fraction))


def change_packets(file: Path, change: Callable[[NDArray[np.void]], NDArray[np.void]]) -> None:
    """Rewrite a file's packets, whole ones; the bytes of a cut last one are lost.

    Parameters
    ----------
    file
        The NEV, changed in place.
    change
        From its packets, as digital ones, to those that are written.
    """
    header = read_nev_header(file)
    dtype = header.layout.digital_packet(header.packet_bytes)
    content = read_bytes(file)
    packets = np.frombuffer(content, dtype, header.n_packets, header.header_bytes).copy()
    write_bytes(file, content[: header.header_bytes] + change(packets).tobytes())
