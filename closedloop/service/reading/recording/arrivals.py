"""Which of the recorder's files are there, whether they still grow, and what is still awaited, in plain words.

The rules are those by which the loop takes a recording over (`study.completeness`), but that nothing is remembered and
nothing is read to its end: names, sizes and both ends of each file. A look at files that did not change costs a list of
the folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.blackrock.ends import read_ends
from closedloop.devices.files import is_recording, processor_of
from closedloop.errors import ClosedLoopError, RecordingError
from closedloop.plain_text.printed import capitalized, quoted
from closedloop.service.reading.recording.codes import CodesSoFar, look_at_codes
from closedloop.study.completeness.accepted import accepted_sessions, is_accepted
from closedloop.study.completeness.looks import SETTLE_S, SeenFile, list_files
from closedloop.study.completeness.names import is_copying
from closedloop.study.completeness.recording import copied, misplaced, missing_in_recording, recorded
from closedloop.study.completeness.sums import read_sums
from closedloop.study.completeness.wanted import WantedFiles, array_patterns, wanted_files

ArrivedState = Literal["growing", "settled", "sealed"]
_MOST_FILES: Final = 60  # that a page lists


@dataclass(frozen=True)
class ArrivedFile:
    """A file that came.

    Attributes
    ----------
    name
        In the folder.
    array
        Whose it is; empty where it is no recording or its name does not tell.
    n_bytes, state, since
        Its size, whether it still grows, and since when it has not changed, ISO 8601, UTC.
    fault
        Why it is not whole, to follow its name; empty where nothing shows.
    """

    name: str
    array: str
    n_bytes: int
    state: ArrivedState
    since: str
    fault: str = ""


@dataclass(frozen=True)
class ArrayCodes:
    """Digital codes of one array so far.

    Attributes
    ----------
    n_codes, n_comments, part
        As in `CodesSoFar`, of all its files.
    span_s
        From the first code to the last, over its files.
    lacks_s
        How much of the session, from its first to its last code, is not in it yet; None where not all of it is
        counted.
    fault
        Why no more of a file can be read yet.
    """

    array: str
    n_codes: int
    n_comments: int
    part: float
    span_s: float
    lacks_s: float | None
    fault: str = ""


@dataclass(frozen=True)
class Arrivals:
    """What came of a day's recording.

    Attributes
    ----------
    state
        awaited: nothing is there; growing; settled: nothing changed lately; sealed: the loop has taken it over.
    files
        Those that are there, at most `_MOST_FILES`; `n_files` says how many there are.
    codes
        Of each array; none where ingest has found all of them.
    awaited
        What is still awaited, as a sentence; empty where nothing is.
    block
        Which of the day's sessions.
    """

    day: int
    place: str
    state: Literal["awaited", "growing", "settled", "sealed"]
    files: tuple[ArrivedFile, ...] = ()
    n_files: int = 0
    n_bytes: int = 0
    codes: tuple[ArrayCodes, ...] = ()
    awaited: str = ""
    block: int = 1

    @property
    def said(self) -> str:
        """What the session is called."""
        return Block(self.day, self.block).said


@dataclass(frozen=True)
class AwaitedRecording:
    """Whose recording is looked at.

    Attributes
    ----------
    codes_s
        From the session's first to its last code, by its journal; 0 where there is none yet.
    is_ended
        Whether that session has ended.
    now
        Seconds since 1970.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    day: int
    codes_s: float
    is_ended: bool
    now: float

    @property
    def session(self) -> Block:
        """Which session."""
        return self.paths.block(self.day)


def arrivals(asked: AwaitedRecording) -> Arrivals:
    """Return what came of a recording so far, and what is awaited."""
    folder, block = _folder(asked), asked.session.number
    is_sealed = (folder / MANIFEST_NAME).is_file()
    try:
        seen = list_files(folder)
    except OSError as error:
        said = f"{folder}: {error.strerror}"
        return Arrivals(asked.day, asked.paths.relative(folder), "awaited", awaited=said, block=block)
    place = asked.paths.relative(folder)
    if not seen:
        return Arrivals(asked.day, place, "awaited", awaited=_nothing_yet(asked, folder), block=block)
    patterns = array_patterns(asked.study)
    files = tuple(_arrived(folder, one, asked, patterns, is_sealed=is_sealed) for one in seen[:_MOST_FILES])
    growing = any(_grows(one, asked.now) for one in seen) and not is_sealed
    return Arrivals(
        day=asked.day,
        place=place,
        state="sealed" if is_sealed else "growing" if growing else "settled",
        files=files,
        n_files=len(seen),
        n_bytes=sum(one.n_bytes for one in seen),
        codes=() if QUALITY.published(asked.paths, asked.day).is_file() else _codes(folder, seen, asked, patterns),
        awaited="" if is_sealed else _awaited(folder, seen, asked, growing=growing),
        block=block,
    )


def _folder(asked: AwaitedRecording) -> Path:
    working = asked.paths.working("recording", asked.day)  # of a simulated recorder at work
    return working if working.is_dir() else asked.paths.folder("recording", asked.day)


def _grows(file: SeenFile, now: float) -> bool:
    return now - file.changed_ns / 1e9 < SETTLE_S


def _arrived(
    folder: Path, file: SeenFile, asked: AwaitedRecording, patterns: Sequence[str], *, is_sealed: bool
) -> ArrivedFile:
    state: ArrivedState = "sealed" if is_sealed else "growing" if _grows(file, asked.now) else "settled"
    since = f"{datetime.fromtimestamp(file.changed_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%SZ}"
    is_read = is_recording(Path(file.name)) and asked.study.recorder is None and not is_sealed
    fault = _fault(folder / file.name, file) if is_read else ""
    fault = "is of a copy that is not finished" if is_copying(file.name) else fault
    return ArrivedFile(file.name, _array(file.name, asked.study, patterns), file.n_bytes, state, since, fault)


@lru_cache(maxsize=256)
def _fault(path: Path, _state: SeenFile) -> str:
    try:
        return read_ends(path).fault
    except RecordingError as error:
        return str(error).removeprefix(f"{path}: ").rstrip(".")
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _array(name: str, study: StudyDocument, patterns: Sequence[str]) -> str:
    if not is_recording(Path(name)):
        return ""
    try:
        number = processor_of(Path(name), arrays=patterns)
    except RecordingError:
        return ""
    if study.array_files:
        return study.array_files[number - 1].name
    named = {processor_of(Path(array)): array for array in study.arrays}
    return named.get(number, f"array{number}")


def _codes(
    folder: Path, seen: Sequence[SeenFile], asked: AwaitedRecording, patterns: Sequence[str]
) -> tuple[ArrayCodes, ...]:
    if asked.study.recorder is not None:
        return ()
    of_array: dict[str, list[tuple[int, CodesSoFar]]] = {}
    for file in seen:
        if Path(file.name).suffix.lower() == ".nev" and not is_copying(file.name):
            array = _array(file.name, asked.study, patterns) or file.name
            of_array.setdefault(array, []).append((file.n_bytes, look_at_codes(folder / file.name)))
    return tuple(_joined(array, found, asked.codes_s) for array, found in sorted(of_array.items()))


def _joined(array: str, found: Sequence[tuple[int, CodesSoFar]], session_s: float) -> ArrayCodes:
    """Add up the files of an array: they are recordings one after the other."""
    n_bytes = sum(n for n, _ in found)
    part = sum(n * one.part for n, one in found) / n_bytes if n_bytes else 0.0
    span_s = sum(one.span_s for _, one in found)
    return ArrayCodes(
        array=array,
        n_codes=sum(one.n_codes for _, one in found),
        n_comments=sum(one.n_comments for _, one in found),
        part=part,
        span_s=span_s,
        lacks_s=max(session_s - span_s, 0.0) if part >= 1 and session_s else None,
        fault=next((one.fault for _, one in found if one.fault), ""),
    )


def _nothing_yet(asked: AwaitedRecording, folder: Path) -> str:
    if asked.study.simulated:
        return "The simulated recorder writes its files once the session has been shown."
    if not asked.codes_s:
        return f"Comes after the session of {asked.session.said}, which was not shown yet; it goes to {folder}."
    what = "recording" if asked.study.recorder else ".nev (and .nsx) files"
    return f"The session's {what} of {asked.session.said} are awaited: copy them into {folder}."


def _awaited(folder: Path, seen: Sequence[SeenFile], asked: AwaitedRecording, *, growing: bool) -> str:
    if asked.study.simulated:
        return "The simulated recorder is writing."
    missing = _missing(folder, tuple(seen), asked)
    if missing:
        return f"{capitalized(missing)}."
    if not asked.is_ended:
        return "The session still goes on by its journal; its recording can be whole only after it."
    if growing:
        return f"All is there; it is taken over once nothing has changed for {SETTLE_S:.0f} s."
    return f"All is there: `closedloop run {quoted(asked.paths.root)}` takes it over."


def _missing(folder: Path, seen: tuple[SeenFile, ...], asked: AwaitedRecording) -> str:
    """Return in a few words what is not there, in the order in which the loop asks."""
    copying = next((one.name for one in seen if is_copying(one.name)), "")
    if copying:
        return f"{copying} is of a copy that is not finished"
    if asked.study.recorder is not None:  # of another maker: the loop asks its reader, in a process of its own
        return ""
    if not recorded(seen):
        inside = misplaced(seen)
        return f"{inside} belongs into {folder} itself" if inside else "no .nev or .nsx file is there"
    try:
        return _missing_of_files(folder, seen, asked)
    except (ClosedLoopError, OSError) as error:
        return str(error).rstrip(".")


def _missing_of_files(folder: Path, seen: tuple[SeenFile, ...], asked: AwaitedRecording) -> str:
    accepted = is_accepted(asked.paths, asked.day, seen)
    lacking = "" if accepted else read_sums(folder, seen).lacking()
    if accepted or lacking:
        return lacking
    wanted = _wanted(asked)
    found = _known_missing(folder, seen, _WantedKey(wanted), round(asked.codes_s, 3), array_patterns(asked.study))
    return found


def _wanted(asked: AwaitedRecording) -> WantedFiles:
    excepted = accepted_sessions(asked.paths)
    return wanted_files(asked.paths, asked.study, asked.protocol, day=asked.day, excepted=excepted)


@dataclass(frozen=True)
class _WantedKey:
    """`WantedFiles` as a key: two that say the same are the same."""

    files: WantedFiles

    def __hash__(self) -> int:
        arrays: Mapping[int, str] = self.files.arrays
        return hash((tuple(sorted(arrays.items())), self.files.nsx, self.files.raw, self.files.patterns))


@lru_cache(maxsize=64)
def _known_missing(
    folder: Path, seen: tuple[SeenFile, ...], wanted: _WantedKey, session_s: float, patterns: tuple[str, ...]
) -> str:
    """Read the files' ends once for each state of the folder."""
    pair = copied(folder, seen, patterns=patterns)
    if pair is not None:
        return f"{pair[0]} and {pair[1]} are of one array and began in the same moment"
    return missing_in_recording(folder, seen, wanted=wanted.files, session_s=session_s)[0]
