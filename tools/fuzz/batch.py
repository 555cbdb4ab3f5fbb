"""One child process reads inputs one after the other, and says of each how it ended.

It is forked, so that what is imported stays imported; its memory is limited, and what it prints goes to a file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tools.fuzz.reader import Entry, Reader, empty, write_entry
from tools.fuzz.verdict import READ, Bounds, Verdict, judge

_RESERVED = 512 << 20  # addresses beside the memory: threads and allocators reserve what they never use
_LARGEST_FILE = 256 << 20
WHERE_IT_HANGS = signal.SIGUSR1
SAID, TRACE = "said", "trace"


@dataclass(frozen=True)
class Input:
    """An input with its number, and the name of what is read: a file or a folder."""

    number: int
    name: str
    entry: Entry


def read_inputs(reader: Reader, inputs: Iterable[Input], *, folder: Path, answers: int, bounds: Bounds) -> None:
    """Read inputs and write a line of JSON for each to a pipe: its number when it begins, its verdict when it ends.

    Parameters
    ----------
    reader
        Who reads.
    inputs
        What.
    folder
        An empty one, for the inputs and for what is printed.
    answers
        Descriptor of the pipe.
    bounds
        What each may cost.
    """
    place, said = folder / "input", folder / SAID
    place.mkdir(exist_ok=True)
    _confine(said, bounds)
    before = _peak_bytes()
    for one in inputs:
        _say(answers, {"begins": one.number})
        empty(place)
        write_entry(place, one.entry)
        started = time.process_time()
        verdict = _read_one(reader, one, place, said)
        seconds = time.process_time() - started
        grown = _peak_bytes() - before
        if verdict.outcome != "fault" and seconds > bounds.seconds:
            verdict = Verdict("fault", "too slow", f"{seconds:.1f} s")
        if verdict.outcome != "fault" and grown > bounds.memory:
            verdict = Verdict("fault", "too much memory", f"{grown / 1e6:.0f} MB")
        _say(answers, {"number": one.number, "seconds": seconds, **asdict(verdict)})
        if grown > bounds.memory:
            return  # the peak stays: the next ones are read by another child
    empty(place)


def _confine(said: Path, bounds: Bounds) -> None:
    """Limit memory and files, and send what is printed to a file: warnings, and what C libraries say."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + bounds.memory + _RESERVED,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    printed = os.open(said, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(printed, stream)
    sys.stdout, sys.stderr = (open(stream, "w", buffering=1, closefd=False) for stream in (1, 2))  # noqa: SIM115
    warnings.simplefilter("always")
    warnings.showwarning = _show_warning  # whoever forked us may have had other plans for them
    trace = said.with_name(TRACE).open("w")
    faulthandler.enable(file=trace)
    faulthandler.register(WHERE_IT_HANGS, file=trace, all_threads=False)


def _show_warning(  # noqa: PLR0917 - the signature is `warnings.showwarning`'s
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,
) -> None:
    sys.stderr.write(f"{category.__name__}: {message}\n{filename}:{lineno} {line or ''}\n")


def _read_one(reader: Reader, one: Input, place: Path, said: Path) -> Verdict:
    before = _stamps(place)
    os.truncate(said, 0)
    verdict = READ
    try:
        reader.read(place / one.name)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is judged
        verdict = judge(error, _names(one))
    if verdict.outcome == "fault":
        return verdict
    if said.stat().st_size:
        text = said.read_text(errors="replace")
        return Verdict("fault", f"printed {_first_words(text)}", text)
    after = _stamps(place)
    changed = sorted({path for path, _ in before ^ after})
    return Verdict("fault", "changes files", ", ".join(changed)) if changed else verdict


def _names(one: Input) -> set[str]:
    """Return what a line may call an input: its path, or that of a file in it, or a file's name without the suffix."""
    files = [Path(name) for name in one.entry]
    return {one.name, *one.entry, *(file.name for file in files), *(file.stem for file in files)}


def _stamps(place: Path) -> set[tuple[str, tuple[int, int, int]]]:
    found = set()
    for path in place.rglob("*"):
        status = path.lstat()
        is_folder = path.is_dir() and not path.is_symlink()
        stamp = (0, 0, 0) if is_folder else (status.st_ino, status.st_size, status.st_mtime_ns)
        found.add((str(path.relative_to(place)), stamp))
    return found


def _first_words(text: str) -> str:
    """Return a printed line without what differs from input to input."""
    line = text.strip().splitlines()[0] if text.strip() else "white space"
    return " ".join(word for word in line.split()[:12] if not any(c.isdigit() for c in word))[:80]


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _say(answers: int, what: dict[str, Any]) -> None:
    line = json.dumps(what).encode() + b"\n"
    while line:
        line = line[os.write(answers, line) :]
