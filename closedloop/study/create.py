"""Making a study: its folder, its identity, its protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol, protocol_sha256
from closedloop.artifacts.recorder import RecorderDescription, read_recorder
from closedloop.artifacts.study import NSX_SUFFIXES, ArrayFiles, NsxSuffix, PoolDescription, StudyDocument, StudyPaths
from closedloop.devices.files import processor_of
from closedloop.errors import ClosedLoopError, ImageError, ProtocolError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import sha256_bytes, storage_errors, write_bytes
from closedloop.study.inputs import forget, record_inputs, working_folder

_SHIPPED_PLACES = (Path(__file__).parents[1] / "protocols", Path(__file__).parents[2] / "protocols")
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


def shipped_protocols() -> dict[str, Path]:
    """Return the protocols inside the package by name."""
    return {path.stem: path for place in _SHIPPED_PLACES if place.is_dir() for path in sorted(place.glob("*.yaml"))}


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
    raise ProtocolError(
        f"protocol {name}: expected one of {', '.join(sorted(shipped))} or a file, found neither. Correct the name."
    )


def create_study(request: Request, *, progress: ProgressCallback = lambda _done, _total: None) -> StudyPaths:
    """Make a study folder: protocol.yaml as given (comments and all), the list of its images and, last, study.json.

    Every image is read and the base model opened first: what cannot be used is refused while nothing is bound to it.

    Parameters
    ----------
    request
        What it is to be.
    progress
        Called with (images read, all images).

    Raises
    ------
    StudyError
        The folder holds something already, or a real study has no images to show.
    ProtocolError
        The protocol asks for something unknown or impossible.
    ImageError
        The image folder holds too few images, or one that cannot be shown.
    CheckpointError
        The base model cannot be used.
    """
    paths = StudyPaths(request.root.resolve())
    _refuse_used_folder(paths)
    array_files = _array_files(request.arrays) if any("=" in text for text in request.arrays) else ()
    names = tuple(one.name for one in array_files) or _array_names(request.arrays)
    nsx = _nsx(request.nsx)
    recorder = _recorder(request)
    if request.images is None and not request.simulated:
        raise StudyError(
            f"{paths.root}: expected a folder of images to show an animal, found none given. Give one by --images."
        )
    source = find_protocol(request.protocol)
    content = source.read_bytes()
    protocol = parse_protocol(content, place=str(source))
    study = StudyDocument(
        simulated=request.simulated,
        study_id=_study_id(request, protocol),
        subject=request.subject,
        protocol_name=protocol.name,
        protocol_sha256=protocol_sha256(protocol),
        code_version=__version__,
        arrays=names,
        array_files=array_files,
        recorder=recorder,
        nsx=nsx,
        pool=_pool(request, protocol),
        base_model=str(request.base_model.resolve()) if request.base_model else protocol.base_model.weights,
    )
    if request.base_model:
        from closedloop.stages.from_protocol.model import base_model_of  # noqa: PLC0415 - torch only for weights

        base_model_of(protocol.base_model, study.base_model)
    with storage_errors(paths.root), _nothing_left_behind(paths):
        record_inputs(paths, study, protocol, recorded="init", progress=progress)
    write_bytes(paths.protocol, content)
    study.write(paths.study)
    return paths


@contextmanager
def _nothing_left_behind(paths: StudyPaths) -> Iterator[None]:
    """Remove what was made of a study that is refused; what an interrupted call has read is kept for the next one."""
    was_there = paths.root.is_dir()
    try:
        yield
    except ClosedLoopError:
        forget(paths)
        if not was_there:
            paths.root.rmdir()
        raise


def _recorder(request: Request) -> RecorderDescription | None:
    found = read_recorder(request.recorder) if request.recorder else None
    if found is None or found.maker == "blackrock":
        return None
    if request.arrays:
        raise StudyError(
            f"{request.recorder}: expected the devices of the recorder here alone, found --array. Leave it out."
        )
    return found


def _array_names(given: Sequence[str]) -> tuple[str, ...]:
    """Take names that tell the processor, as the recorder's files do."""
    names = tuple(name.strip() for name in given) or ("array1",)
    processors = [processor_of(Path(name)) if any(map(str.isdigit, name)) else 0 for name in names]
    if 0 in processors or len(set(processors)) < len(names):
        raise StudyError(
            f"--array {', '.join(names)}: expected names that tell the processor (array1, nsp2), or patterns of their "
            "files (left=LEFT*), found neither. Correct it."
        )
    return names


def _nsx(given: Sequence[str]) -> tuple[NsxSuffix, ...]:
    found = tuple(f".{suffix.strip().lower().removeprefix('.')}" for suffix in given)
    wrong = [suffix for suffix in found if suffix not in NSX_SUFFIXES]
    if wrong:
        raise StudyError(f"--nsx {wrong[0]}: expected one of {', '.join(NSX_SUFFIXES)}. Correct it.")
    return tuple(suffix for suffix in NSX_SUFFIXES if suffix in found)


def _array_files(given: Sequence[str]) -> tuple[ArrayFiles, ...]:
    """Read "left=LEFT*" as an array's name and the pattern of its files; the order gives the processors' numbers."""
    found = []
    for text in given:
        name, _, files = (part.strip() for part in text.partition("="))
        if not name or not files:
            raise StudyError(
                f"--array {text}: expected an array's name and a pattern of its files, such as left=LEFT*, found no "
                "such pair. Correct it."
            )
        found.append(ArrayFiles(name=name, files=files))
    for what, values in (("name", [one.name for one in found]), ("pattern", [one.files.lower() for one in found])):
        if len(set(values)) < len(values):
            raise StudyError(f"--array: expected a {what} of its own for each array, found one twice. Correct it.")
    return tuple(found)


def _refuse_used_folder(paths: StudyPaths) -> None:
    if paths.study.exists():
        raise StudyError(
            f"{paths.root}: expected a new folder, found a study. Go on with it by `closedloop run {paths.root}`, "
            "or choose another folder."
        )
    left_by_a_crash = {paths.protocol, paths.inputs, working_folder(paths)}
    if paths.root.is_dir() and set(paths.root.iterdir()) - left_by_a_crash:
        raise StudyError(f"{paths.root}: expected a new or empty folder, found files. Choose another folder.")
    if paths.root.exists() and not paths.root.is_dir():
        raise StudyError(f"{paths.root}: expected a folder, found a file. Choose another name.")


def _study_id(request: Request, protocol: Protocol) -> str:
    named = f"{request.subject}|{request.simulated}|{protocol_sha256(protocol)}"
    return sha256_bytes(named.encode())[:_ID_HEX_DIGITS]


def _pool(request: Request, protocol: Protocol) -> PoolDescription:
    """Describe the images; a folder is opened once, so that a wrong one is refused before anything is written."""
    if request.images is None:
        return PoolDescription(
            kind="procedural",
            side_px=protocol.images.side_px,
            seed=protocol.seed,
            n_categories=protocol.procedural.n_categories,
            n_per_category=protocol.procedural.n_per_category,
        )
    from closedloop.stimuli.pools import open_folder_pool  # noqa: PLC0415 - Pillow only where images are read

    opened = open_folder_pool(request.images, protocol.images.side_px)
    wanted = protocol.images.anchors + protocol.images.normalizers + protocol.images.clean_per_day
    if len(opened.images()) < wanted:
        raise ImageError(
            f"{request.images}: expected at least {wanted} images for day 0 (anchors, normalizers, clean ones), found "
            f"{len(opened.images())}. Add images, or lower the numbers in the protocol's section images."
        )
    return PoolDescription.model_validate(opened.description())
