"""Ways to damage the recorder's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.loop.real_study import RealStudy


def recording(real: RealStudy, name: str = "array1.nev", day: int = 0) -> Path:
    """Return a file of the recording."""
    return real.paths.folder("recording", day) / name


def cut(file: Path, part: float) -> None:
    """Keep the first part of a file."""
    os.truncate(file, round(file.stat().st_size * part))


def file_damaged(name: str, change: Callable[[bytes], bytes], day: int = 0) -> Callable[[RealStudy], None]:
    """Damage the bytes of a file of the recording.

    Parameters
    ----------
    name
        Of the file.
    change
        From bytes to bytes.
    day
        Of the recording.
    """
    return lambda real: rewrite(recording(real, name, day), change)


def rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a file."""
    file.write_bytes(change(file.read_bytes()))


def part_of(fraction: float) -> Callable[[bytes], bytes]:
    """Keep the first part."""
    return lambda content: content[: round(len(content) * fraction)]


def with_bytes(at: int, new: bytes) -> Callable[[bytes], bytes]:
    """Write other bytes somewhere."""
    return lambda content: content[:at] + new + content[at + len(new) :]


def zeros_from(start: float, stop: float) -> Callable[[bytes], bytes]:
    """Zero a part, as a disk does that lost some sectors."""

    def change(content: bytes) -> bytes:
        first, last = round(len(content) * start), round(len(content) * stop)
        return content[:first] + bytes(last - first) + content[last:]

    return change


def _packets(content: bytes) -> tuple[bytes, list[bytes]]:
    header, size = (int.from_bytes(content[at : at + 4], "little") for at in (12, 16))
    return content[:header], [content[at : at + size] for at in range(header, len(content), size)]


def packets_damaged(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Damage the packets of a .nev of specification 2.3."""

    def damage(content: bytes) -> bytes:
        header, packets = _packets(content)
        return header + b"".join(change(packets))

    return damage


def _is_code(packet: bytes) -> bool:
    return packet[4:6] == b"\0\0"


def without_codes(packets: list[bytes]) -> list[bytes]:
    """Leave every digital code out."""

    return [packet for packet in packets if not _is_code(packet)]


def middle_lost(packets: list[bytes]) -> list[bytes]:
    """Lose a twenty-fifth of the packets in the middle."""

    return packets[: len(packets) // 2] + packets[len(packets) // 2 + len(packets) // 25 :]


def without_last_codes(packets: list[bytes]) -> list[bytes]:
    """Leave the last fifth of the digital codes out."""

    last = max(at for at, packet in enumerate(packets) if _is_code(packet))
    stop = round(0.8 * last)
    return [packet for at, packet in enumerate(packets) if at < stop or not _is_code(packet)]


def middle_doubled(packets: list[bytes]) -> list[bytes]:
    """Write the middle third twice, as a resumed copy may."""

    third = len(packets) // 3
    return [*packets[: 2 * third], *packets[third:]]


def codes_of_another_session(packets: list[bytes]) -> list[bytes]:
    """Exchange the digital codes among each other."""

    codes = [at for at, packet in enumerate(packets) if _is_code(packet)]
    order = np.random.default_rng(3).permutation(len(codes))
    values = [packets[at][8:10] for at in codes]
    changed = list(packets)
    for at, other in zip(codes, order.tolist(), strict=True):
        changed[at] = packets[at][:8] + values[other] + packets[at][10:]
    return changed


def copied_as(name: str, other: str) -> Callable[[RealStudy], None]:
    """Leave a second copy of a file under another name."""
    return lambda real: shutil.copy(recording(real, name), recording(real, other)) and None


def removed(*names: str) -> Callable[[RealStudy], None]:
    """Leave files out."""

    def damage(real: RealStudy) -> None:
        for name in names:
            recording(real, name).unlink()

    return damage


def arrays_exchanged_in_part(real: RealStudy) -> None:
    """Give each array the .nev of the other."""

    first, second = recording(real, "array1.nev"), recording(real, "array2.nev")
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def one_array_twice(real: RealStudy) -> None:
    """Bring one array's files as both arrays'."""

    for suffix in ("nev", "ns6"):
        shutil.copy(recording(real, f"array1.{suffix}"), recording(real, f"array2.{suffix}"))


def yesterdays_files(*names: str) -> Callable[[RealStudy], None]:
    """Bring files of the day before."""

    def damage(real: RealStudy) -> None:
        for name in names:
            shutil.copy(recording(real, name, day=0), recording(real, name, day=1))

    return damage


def simulated_again(real: RealStudy) -> None:
    """Let a simulation have made the .nev."""

    rewrite(recording(real), with_bytes(44, SIMULATED_APPLICATION.encode()))
