"""A run over all readers: what was found stands in a summary after every batch, which the next command goes on with."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from closedloop import __version__
from closedloop.execution.progress import bar
from closedloop.storage import write_bytes
from tools.fuzz.batch import Input
from tools.fuzz.reader import Reader, Seeds, load_seeds, read_entry, write_entry
from tools.fuzz.supervision import Ending, read_all
from tools.fuzz.verdict import Verdict

BATCH = 250
_MOST_KEPT = 3  # inputs of a kind of fault
_LONGEST_DETAIL = 4_000


@dataclass
class Found:
    """What a reader's inputs came to: batches that are done, and how many inputs ended in what."""

    n: int
    batches: list[int] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    kept: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    slowest_s: float = 0.0

    @property
    def left(self) -> list[int]:
        """Batches that are not done."""
        return [batch for batch in range(-(-self.n // BATCH)) if batch not in self.batches]

    def count(self, ending: Ending) -> None:
        """Take an input that has ended."""
        outcome, kind = ending.verdict.outcome, ending.verdict.kind
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if kind:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.slowest_s = max(self.slowest_s, ending.seconds)


def fuzz(readers: Sequence[Reader], *, n: int, seed: int, folder: Path) -> dict[str, Found]:
    """Read mutants with all readers; keep each faulty one.

    Parameters
    ----------
    readers
        Who reads.
    n
        Number of inputs in all, shared out by the readers' shares.
    seed
        Another one gives other inputs.
    folder
        Keeps the summary, and faulty inputs. A run of the same inputs that was ended early is gone on with.
    """
    whole = sum(reader.share for reader in readers)
    wanted = {reader.name: max(round(n * reader.share / whole), 1) for reader in readers}
    book = folder / "summary.json"
    found = _remembered(book, seed, wanted)
    total, n_done = sum(wanted.values()), sum(sum(one.outcomes.values()) for one in found.values())
    with bar("fuzz") as progress:
        for reader in readers:
            own = found[reader.name]
            if not own.left:
                continue
            seeds = sound(reader, folder)
            for batch in own.left:
                started = time.monotonic()
                for ending in read_all(reader, _inputs(reader, seeds, batch, own.n, seed)):
                    own.count(ending)
                    if ending.verdict.outcome == "fault" and own.kinds[ending.verdict.kind] <= _MOST_KEPT:
                        own.kept.append(_keep(folder / "faults", reader, seeds, ending, seed))
                    n_done += 1
                    progress(n_done, total)
                own.batches.append(batch)
                own.seconds += time.monotonic() - started
                _write(book, seed, found)
    return found


def sound(reader: Reader, folder: Path) -> Seeds:
    """Return a reader's sound inputs; they are made once, and each must be read."""
    place = folder / "sound" / __version__ / reader.name
    if not place.is_dir():
        making = place.with_name(f".{place.name}.partial")
        making.mkdir(parents=True)
        reader.make(making)
        making.rename(place)
    seeds = load_seeds(place)
    for input_, ending in zip(_sound_inputs(seeds), read_all(reader, _sound_inputs(seeds)), strict=True):
        if ending.verdict.outcome != "read":
            raise RuntimeError(f"{reader.name}: a sound input, {input_.name}, is not read: {ending.verdict.detail}")
    return seeds


def _sound_inputs(seeds: Seeds) -> list[Input]:
    return [Input(i, name, entry) for i, (name, entry) in enumerate(zip(seeds.names, seeds.entries, strict=True))]


def _inputs(reader: Reader, seeds: Seeds, batch: int, n: int, seed: int) -> list[Input]:
    numbers = range(batch * BATCH, min((batch + 1) * BATCH, n))
    return [Input(number, *seeds.mutant(reader, number, seed)) for number in numbers]


def read_kept(reader: Reader, place: Path) -> Ending:
    """Read one input, a file or a folder, as a run does."""
    (ending,) = read_all(reader, [Input(0, place.name, read_entry(place))])
    return ending


def _keep(folder: Path, reader: Reader, seeds: Seeds, ending: Ending, seed: int) -> dict[str, str]:
    """Write a faulty input, what was found, and the command that reads it again."""
    name, entry = seeds.mutant(reader, ending.number, seed)
    kind = re.sub("[^A-Za-z0-9]+", "-", ending.verdict.kind).strip("-")[:60]
    own = folder / reader.name / f"{kind}-{seed}-{ending.number}"
    write_entry(own, entry)
    command = shlex.join(["python", "-m", "tools.fuzz", "--reader", reader.name, "--input", str(own / name)])
    write_bytes(own / "found.txt", f"{command}\n{_described(ending.verdict)}\n".encode())
    return {"kind": ending.verdict.kind, "command": command}


def _described(verdict: Verdict) -> str:
    return f"{verdict.kind}\n{verdict.detail[-_LONGEST_DETAIL:]}"


def _remembered(book: Path, seed: int, wanted: Mapping[str, int]) -> dict[str, Found]:
    """Return what an earlier run of the same inputs found, unless it came to its end."""
    fresh = {name: Found(n) for name, n in wanted.items()}
    if not book.is_file():
        return fresh
    content = json.loads(book.read_bytes())
    old = {name: Found(**one) for name, one in content["readers"].items()}
    same = content["seed"] == seed and {name: one.n for name, one in old.items()} == wanted
    return old if same and any(one.left for one in old.values()) else fresh


def _write(book: Path, seed: int, found: Mapping[str, Found]) -> None:
    content = {"seed": seed, "readers": {name: asdict(one) for name, one in found.items()}}
    write_bytes(book, json.dumps(content, indent=2).encode())


def summary_lines(found: Mapping[str, Found]) -> Iterator[str]:
    """Return the summary, a line a reader and a line a kind of fault."""
    yield f"{'reader':<14} {'inputs':>7} {'refused':>8} {'read':>7} {'faults':>7} {'inputs/s':>9} {'slowest':>9}"
    for name, one in found.items():
        n = sum(one.outcomes.values())
        refused, read, faults = (one.outcomes.get(outcome, 0) for outcome in ("refused", "read", "fault"))
        speed = n / one.seconds if one.seconds else 0.0
        yield f"{name:<14} {n:>7} {refused:>8} {read:>7} {faults:>7} {speed:>9.0f} {one.slowest_s:>7.2f} s"
    for name, one in found.items():
        for kind, n in sorted(one.kinds.items(), key=lambda item: -item[1]):
            commands = [kept["command"] for kept in one.kept if kept["kind"] == kind]
            yield f"{name}: {n} x {kind}" + (f"\n    {commands[0]}" if commands else "")
