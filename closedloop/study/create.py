"""Making a study: its folder, its identity, its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol, protocol_sha256
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.recorder import RecorderDescription, read_recorder
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import NSX_SUFFIXES, ArrayFiles, NsxSuffix, StudyDocument, StudyPaths
from closedloop.devices.files import processor_of
from closedloop.errors import OptionError, ProtocolError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.printed import check_given_name
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.stimuli.listed import FolderPool, FolderReading, name_some, refuse_unreadable
from closedloop.stimuli.pools import ImagePool
from closedloop.storage import read_bytes, resolved, sha256_bytes, write_bytes
from closedloop.study.foresight.images import forget_images, notes, open_images, read_images
from closedloop.study.foresight.numbers import (
    Asked,
    images_wanted,
    problems,
    raw_days_beyond,
    refuse_more_days,
    refuse_problems,
    refuse_too_few,
)
from closedloop.study.foresight.place import new_folder, refuse_place
from closedloop.study.foresight.weights import find_base_model
from closedloop.study.inputs import record_inputs
from closedloop.study.trusted.code import find_codes, find_references, say_trusted

_ID_HEX_DIGITS = 8


@dataclass(frozen=True)
class Request:
    """What a new study is to be.

    Attributes
    ----------
    protocol
        Name of a shipped protocol, or a file.
    images
        Folder of clean images; None for the procedural pool (simulated studies only).
    base_model
        Weight file; None for the weights that the protocol names.
    arrays
        Name of each array, with a pattern of the recorder's files that are its own, "left=LEFT*", where its name does
        not tell ("array2"); empty for one array.
    nsx
        Files that each array's recording has besides its .nev: "ns6".
    recorder
        Description of a recorder that is not Blackrock's, YAML; None for Blackrock's.
    days
        Days that will be run; None for all of the protocol.
    skip_unreadable
        Whether images that cannot be shown are left out; else they are refused.
    content
        The protocol itself, where it is made and no file holds it: `protocol` is only its name in messages then.
    beside
        Further files of the study's folder, by name: what no stage reads.
    """

    root: Path
    subject: str
    simulated: bool
    protocol: str
    images: Path | None = None
    base_model: Path | None = None
    arrays: tuple[str, ...] = ()
    recorder: Path | None = None
    nsx: tuple[str, ...] = ()
    days: int | None = None
    skip_unreadable: bool = False
    content: bytes | None = None
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Planned:
    """A study that can be, before its images are read: what it says of itself, and what it is made from."""

    study: StudyDocument
    protocol: Protocol
    content: bytes
    pool: ImagePool
    asked: Asked
    place: str
    source: Path


def find_protocol(name: str) -> Path:
    """Find a protocol by name or path.

    Raises
    ------
    ProtocolError
        There is none.
    """
    shipped = shipped_protocols()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.is_file():
        return path
    known = f"expected one of {', '.join(sorted(shipped))} or a file"
    if path.is_dir():
        raise ProtocolError(f"protocol {name}: {known}, found a folder. Name the file in it.")
    if path.exists():
        raise ProtocolError(
            f"protocol {name}: {known}, found a pipe or a device, which can be read once alone. Write it to a file, "
            "and name that."
        )
    raise ProtocolError(f"protocol {name}: {known}, found neither. {did_you_mean(name, shipped)}Correct the name.")


def create_study(
    request: Request,
    *,
    progress: ProgressCallback = lambda _done, _total: None,
    tell: Callable[[str], None] = lambda _line: None,
) -> StudyPaths:
    """Make a study folder: protocol.yaml as given (comments and all), the list of its images and study.json.

    What cannot be is refused while nothing is made: first by the numbers alone, then by the base model, then by the
    images, each of which is read. The folder is there whole or not at all.

    Parameters
    ----------
    request
        What it is to be.
    progress
        Called with (images read, all images).
    tell
        Called with each line that a person should see of a study that can be made, and with every image that cannot.

    Raises
    ------
    OptionError
        A name or a pattern is none.
    StudyError
        The folder holds something already, or a real study has no images to show.
    ProtocolError
        The protocol asks for something unknown or impossible.
    ImageError
        The image folder holds too few images, or some that cannot be shown.
    CheckpointError
        The base model cannot be used.
    """
    check_given_name(request.subject, option="--subject", error=OptionError)
    root = resolved(request.root)
    refuse_place(root)
    planned = _plan(request)
    study, protocol, pool, asked, place = planned.study, planned.protocol, planned.pool, planned.asked, planned.place
    if len(pool.images()) < images_wanted(asked):  # few: read at once, so that all that is wrong is said together
        reading = read_images(pool, study.pool, progress=progress, tell=tell)
        _refuse_too_few_that_can_be_shown(asked, pool, reading, place=place)
    with new_folder(root) as building:
        paths = StudyPaths(building)
        reading = read_images(pool, study.pool, progress=progress, tell=tell)
        if reading is not None and isinstance(pool, FolderPool):
            if not request.skip_unreadable:
                refuse_unreadable(pool, reading, otherwise=", or go on without them by --skip-unreadable")
            _refuse_too_few_that_can_be_shown(asked, pool, reading, place=place)
        code = find_codes(protocol, beside=planned.source.parent)
        for line in (*notes(pool, reading, protocol, n_days=asked.n_days), *say_trusted(code)):
            tell(line)
        references = find_references(protocol, beside=planned.source.parent)
        record_inputs(paths, study, protocol, recorded="init", reading=reading, code=code, references=references)
        write_bytes(paths.protocol, planned.content)
        for name, beside in request.beside.items():
            write_bytes(paths.root / name, beside)
        study.write(paths.study)
    forget_images(study.pool)
    return StudyPaths(root)


def is_begun(request: Request) -> bool:
    """Return whether the study that is asked for was made by the same request, and its first session is not ready yet.

    So it is where `init` was interrupted after it had made the study.

    Raises
    ------
    ClosedLoopError
        What is asked for cannot be, or a document of the study is damaged.
    """
    paths = StudyPaths(resolved(request.root))
    if not paths.study.is_file() or (paths.folder("schedule", 0) / MANIFEST_NAME).is_file():
        return False
    there = StudyDocument.read(paths.study)
    if (there.subject, there.simulated) != (request.subject, request.simulated):
        return False  # whatever else is wrong with the request: it is another study's place
    wanted = _plan(request)
    same = there.model_copy(update={"code_version": wanted.study.code_version}) == wanted.study
    return same and read_bytes(paths.protocol) == wanted.content


def _plan(request: Request) -> _Planned:
    """Refuse by its numbers what cannot be, and return what the study is to be."""
    root = resolved(request.root)
    if request.images is not None and root.is_relative_to(resolved(request.images)):
        raise StudyError(
            f"{root}: expected a place outside of the folder of images, found it in {resolved(request.images)}: what a "
            "study writes is no image to show. Choose another folder."
        )
    told, array_files = parse_arrays(request.arrays)
    nsx = parse_nsx(request.nsx)
    recorder = _recorder(request)
    if request.images is None and not request.simulated:
        raise StudyError(
            f"{root}: expected a folder of images to show an animal, found none given. Give one by --images."
        )
    source = Path(request.protocol) if request.content is not None else find_protocol(request.protocol)
    content = request.content if request.content is not None else read_bytes(source)
    protocol = parse_protocol(content, place=str(source))
    refuse_more_days(protocol, request.days)
    n_days = request.days or protocol.days
    names = _simulated_arrays(protocol) if request.simulated and not told else told
    n_arrays = max(len(names), len(recorder.devices) if recorder else 0, 1)
    asked = Asked(protocol, request.subject, simulated=request.simulated, n_arrays=n_arrays, n_days=n_days)
    beyond = raw_days_beyond(protocol)
    refuse_problems((*problems(asked), *([beyond] if beyond else [])), place=str(source))
    base_model = find_base_model(protocol, request.base_model, place=str(source))
    pool = open_images(request.images, protocol)
    place = str(request.images or source)
    if not isinstance(pool, FolderPool):
        refuse_too_few(asked, n_images=len(pool.images()), place=place)
    study = StudyDocument(
        simulated=request.simulated,
        study_id=_study_id(request, protocol),
        subject=request.subject,
        protocol_name=protocol.name,
        protocol_sha256=protocol_sha256(protocol),
        code_version=__version__,
        arrays=names,
        rounds=protocol.rounds,
        array_files=array_files,
        recorder=recorder,
        nsx=nsx,
        pool=PoolDescription.model_validate(pool.description()),
        base_model=base_model,
    )
    return _Planned(study, protocol, content, pool, asked, place, source)


def _refuse_too_few_that_can_be_shown(
    asked: Asked, pool: ImagePool, reading: FolderReading | None, *, place: str
) -> None:
    if reading is None or not isinstance(pool, FolderPool):
        return
    n_bad = len(reading.faults)
    others = f" that can be shown (and {n_bad:,} that cannot: {name_some(pool, reading)})" if n_bad else ""
    refuse_too_few(asked, n_images=len(reading.images), place=place, others=others)


def _recorder(request: Request) -> RecorderDescription | None:
    found = read_recorder(request.recorder) if request.recorder else None
    if found is None or found.maker == "blackrock":
        return None
    if request.arrays:
        raise StudyError(
            f"{request.recorder}: expected the devices of the recorder here alone, found --array. Leave it out."
        )
    return found


def _simulated_arrays(protocol: Protocol) -> tuple[str, ...]:
    """Return the names that the simulated recorder gives its files: one array on each of its processors."""
    return tuple(f"array{number}" for number in range(1, protocol.simulation.n_processors + 1))


def parse_arrays(given: Sequence[str], *, option: str = "--array") -> tuple[tuple[str, ...], tuple[ArrayFiles, ...]]:
    """Return the arrays' names, and which files are whose where their names do not tell.

    Parameters
    ----------
    given
        As `Request.arrays`.
    option
        How they were given, for messages.

    Raises
    ------
    OptionError
        They do not tell whose a file is.
    """
    files = _array_files(given, option) if any("=" in text for text in given) else ()
    return tuple(one.name for one in files) or _array_names(given, option), files


def _array_names(given: Sequence[str], option: str) -> tuple[str, ...]:
    """Take names that tell the processor, as the recorder's files do; where none are given, the recording tells."""
    names = tuple(name.strip() for name in given)
    processors = [processor_of(Path(name)) if any(map(str.isdigit, name)) else 0 for name in names]
    if 0 in processors or len(set(processors)) < len(names):
        raise OptionError(
            f"{option} {', '.join(names)}: expected names that tell the processor (array1, nsp2), or patterns of their "
            "files (left=LEFT*), found neither. Correct it."
        )
    return names


def parse_nsx(given: Sequence[str], *, option: str = "--nsx") -> tuple[NsxSuffix, ...]:
    """Return the suffixes of files that were given as "ns6" or ".NS6", in order.

    Parameters
    ----------
    given
        As `Request.nsx`.
    option
        How they were given, for messages.

    Raises
    ------
    OptionError
        One is none of Blackrock's.
    """
    found = tuple(f".{suffix.strip().lower().removeprefix('.')}" for suffix in given)
    wrong = [suffix for suffix in found if suffix not in NSX_SUFFIXES]
    if wrong:
        raise OptionError(f"{option} {wrong[0]}: expected one of {', '.join(NSX_SUFFIXES)}. Correct it.")
    return tuple(suffix for suffix in NSX_SUFFIXES if suffix in found)


def _array_files(given: Sequence[str], option: str) -> tuple[ArrayFiles, ...]:
    """Read "left=LEFT*" as an array's name and the pattern of its files; the order gives the processors' numbers."""
    found = []
    for text in given:
        name, _, files = (part.strip() for part in text.partition("="))
        if not name or not files:
            raise OptionError(
                f"{option} {text}: expected an array's name and a pattern of its files, such as left=LEFT*, found no "
                "such pair. Correct it."
            )
        found.append(ArrayFiles(name=name, files=files))
    for what, values in (("name", [one.name for one in found]), ("pattern", [one.files.lower() for one in found])):
        if len(set(values)) < len(values):
            raise OptionError(f"{option}: expected a {what} of its own for each array, found one twice. Correct it.")
    return tuple(found)


def _study_id(request: Request, protocol: Protocol) -> str:
    named = f"{request.subject}|{request.simulated}|{protocol_sha256(protocol)}"
    return sha256_bytes(named.encode())[:_ID_HEX_DIGITS]
