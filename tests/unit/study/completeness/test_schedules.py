"""A recording that is copied in pieces with pauses, arrays at different times: never sealed before it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from closedloop.storage import sha256_file
from tests.unit.study.completeness.brought import START_S, Bench, bench, names, on_the_recorder

STYLES = ("append", "old times", "part", "rsync", "room", "zeros", "out of order")
LARGEST_PAUSE_S = 600.0
LONGER_THAN_ANY_PAUSE_S = 3_600.0


@dataclass
class Copying:
    """One file on its way, piece by piece.

    Attributes
    ----------
    style
        How the copy program goes about it: it appends, gives old times back, writes under another name until the end,
        takes the room for the whole file first (a hole, or zeros), or fills that room in any order.
    """

    source: Path
    target: Path
    style: str
    random: Random

    @property
    def written(self) -> Path:
        name = self.target.name
        return {
            "part": self.target.with_name(f"{name}.part"),
            "rsync": self.target.with_name(f".{name}.aB3xY9"),
        }.get(self.style, self.target)

    def begin(self) -> None:
        self.target.parent.mkdir(exist_ok=True)
        self.written.touch()
        size = self.source.stat().st_size
        if self.style in ("room", "out of order"):
            os.truncate(self.written, size)
        elif self.style == "zeros":
            self.written.write_bytes(bytes(size))
        self._times()

    def piece(self, start: int, stop: int) -> None:
        with self.source.open("rb") as source, self.written.open("rb+") as target:
            source.seek(start)
            target.seek(start)
            target.write(source.read(stop - start))
        self._times()

    def end(self) -> None:
        if self.written != self.target:
            self.written.rename(self.target)
        self._times()

    def _times(self) -> None:
        path = self.written if self.written.exists() else self.target
        if self.style in ("old times", "room", "zeros"):
            os.utime(path, (1_000_000_000, 1_000_000_000))

    def pieces(self) -> list[tuple[int, int]]:
        size = self.source.stat().st_size
        n_cuts = self.random.randint(1, 6)
        grain = self.random.choice([1, 4096, 65_536])
        cuts = {min(self.random.randrange(size) // grain * grain, size) for _ in range(n_cuts)} | {0, size}
        pieces = list(pairwise(sorted(cuts)))
        if self.style == "out of order":
            self.random.shuffle(pieces)
        return pieces


def schedule_copies(made: Bench, random: Random) -> float:
    """Write what is to happen onto the clock; return when the last byte will be there."""
    at, last = START_S, START_S
    order = names()
    random.shuffle(order)
    for name in order:
        copying = Copying(on_the_recorder() / name, made.folder / name, random.choice(STYLES), random)
        at = random.choice([at, START_S + random.uniform(0, 300)])
        made.clock.due.append((at, copying.begin))
        for start, stop in copying.pieces():
            at += pause_s(random)
            made.clock.due.append((at, lambda copying=copying, start=start, stop=stop: copying.piece(start, stop)))
        made.clock.due.append((at, copying.end))
        last = max(last, at)
    made.clock.due.sort(key=lambda event: event[0])
    return last


def pause_s(random: Random) -> float:
    """Seconds or minutes."""
    return random.choice([random.uniform(1, 10), random.uniform(10, LARGEST_PAUSE_S)])


def is_whole(folder: Path) -> bool:
    return all(
        (folder / name).is_file() and sha256_file(folder / name) == sha256_file(on_the_recorder() / name)
        for name in names()
    )


@pytest.mark.parametrize("seed", range(30))
def test_a_recording_that_is_copied_in_pieces_is_never_sealed_early(tmp_path: Path, seed: int) -> None:
    random, made = Random(seed), bench(tmp_path)
    last = schedule_copies(made, random)
    waited_for: list[str] = []
    while made.clock.now() < last + LONGER_THAN_ANY_PAUSE_S:
        missing = made.missing()
        if not missing:
            break
        waited_for.append(missing)
        made.clock.sleep(random.uniform(1, 120))
    else:
        pytest.fail(f"never sealed: {waited_for[-1]}")
    assert is_whole(made.folder), waited_for[-3:]
    assert all("\n" not in one and str(made.folder) in one for one in waited_for)
