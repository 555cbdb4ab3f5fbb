"""The images and the base model of a study, by content: listed when it is made, compared before they are used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from closedloop import __version__
from closedloop.artifacts.amended.images import additions
from closedloop.artifacts.amended.imported import imported_fault
from closedloop.artifacts.amended.moved import as_moved
from closedloop.artifacts.catalog import ADDED_IMAGES, IMAGE_LIST, QUEUE, STIMULI, STUDY_INPUTS
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.day_use import FITTED_ROLES
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files, read_manifest, verify_files
from closedloop.artifacts.naming import derive_seed, stimulus_id
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import read_amendments, whole_amendments
from closedloop.artifacts.records.inputs import StudyInputs
from closedloop.artifacts.records.sequence import START
from closedloop.artifacts.study import INPUTS, START_DAY, DayPaths, StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.errors import ImageError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.models.networks.code import NetworkCode
from closedloop.models.shipped import shipped_names, weights_file
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.listed import (
    FolderChanges,
    FolderPool,
    FolderReading,
    ListedImage,
    ListedPool,
    folder_changes,
    read_folder,
    reason_of,
    refuse_unreadable,
)
from closedloop.stimuli.pools import open_pool
from closedloop.storage import make_folder, publish_folder, remove_file, sha256_bytes, sha256_file
from closedloop.study.trusted.code import find_codes, find_references, keep_code, keep_references

_REMEMBERED = ".scratch"
_MOST_NAMES = 3  # in one line


def record_inputs(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    recorded: Literal["init", "later"],
    reading: FolderReading | None,
    code: Mapping[str, NetworkCode] = MappingProxyType({}),
    references: Mapping[str, NetworkCode] = MappingProxyType({}),
) -> None:
    """Publish what the study's images and its base model are.

    Parameters
    ----------
    paths, study, protocol
        The study; it need not be on disk yet.
    recorded
        Whether the study is being made, or is an older one that has no such list.
    reading
        Of its folder of images; those that cannot be shown are left out. None where images are computed.
    code
        Of its networks that are code, by factory; a file is copied beside the list.
    references
        Files of reference output that its networks were compared with, by name; they are copied likewise.

    Raises
    ------
    CheckpointError
        No base model of that name ships.
    """
    working = _working(paths)
    make_folder(working)
    weights = weights_file(study.base_model)
    listed = reading.images if reading is not None else ()
    if listed:
        columns = {name: [getattr(image, name) for image in listed] for name in IMAGE_LIST.layout.columns}
        IMAGE_LIST.write(working / IMAGE_LIST.name, columns, simulated=study.simulated)
    STUDY_INPUTS.write(
        working / STUDY_INPUTS.name,
        StudyInputs(
            simulated=study.simulated,
            recorded=recorded,
            code_version=__version__,
            pool=study.pool,
            n_images=len(listed),
            n_bytes=sum(image.n_bytes for image in listed),
            left_out=_left_out(study, reading),
            base_model=study.base_model,
            base_model_sha256=_sha256(weights),
            member_sha256=tuple(_sha256(weights_file(member.weights)) for member in protocol.ensemble),
            arm_model_sha256=_of_arm_models(protocol),
            reference={name: one.sha256 for name, one in references.items()},
            code={factory: one.sha256 for factory, one in code.items()},
        ),
        simulated=study.simulated,
    )
    keep_code(code, working)
    keep_references(references, working)
    for left in working.glob(f"{_REMEMBERED}-*"):
        remove_file(left)
    Manifest(
        simulated=study.simulated,
        stage=INPUTS,
        day=None,
        seed=derive_seed(protocol.seed, study.subject, START_DAY, INPUTS),
        code_version=__version__,
        protocol_sha256=protocol_sha256(protocol),
        input_hash=pool_hash(study),
        inputs={},
        outputs=describe_files(working),
        seconds=0,
        peak_memory_mb=0,
    ).write(working / MANIFEST_NAME)
    publish_folder(working, paths.inputs)


def record_inputs_later(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, progress: ProgressCallback
) -> None:
    """Read the images of a study of an older version, which has no list of them, and publish what they are.

    Parameters
    ----------
    paths, study, protocol
        The study.
    progress
        Called with (images read, all images).

    Raises
    ------
    ImageError
        The folder is gone, or an image cannot be shown.
    """
    pool, reading = open_folder(paths, study), None
    if pool is not None:
        make_folder(_working(paths))
        remembered = _working(paths) / f"{_REMEMBERED}-{pool_hash(study)[:8]}"
        reading = read_folder(pool, remembered=remembered, progress=progress)
        refuse_unreadable(pool, reading, otherwise="")
    code = find_codes(protocol, beside=paths.root)
    references = find_references(protocol, beside=paths.root)
    record_inputs(paths, study, protocol, recorded="later", reading=reading, code=code, references=references)


def refuse_other_imports(paths: StudyPaths) -> None:
    """Refuse to go on without the responses that a study was begun with, or with others.

    Raises
    ------
    StudyError
        They are not there, or not those that somebody decided to import.
    """
    if fault := imported_fault(paths):
        raise StudyError(fault)


def _of_arm_models(protocol: Protocol) -> dict[str, str]:
    """Return the hashes of weights in files of the laboratory's own; what ships is as the program has it."""
    named = {one.name: one.base_model.weights for one in protocol.arms.models}
    return {
        name: sha256_file(Path(weights))
        for name, weights in named.items()
        if weights not in shipped_names() and Path(weights).is_file()
    }


def _sha256(weights: Path) -> str | None:
    return sha256_file(weights) if weights.is_file() else None


def _working(paths: StudyPaths) -> Path:
    return DayPaths(paths.root).working(INPUTS)


def _left_out(study: StudyDocument, reading: FolderReading | None) -> dict[str, str]:
    if reading is None or not reading.faults:
        return {}
    folder = Path(str(study.pool.folder))
    from closedloop.stimuli.folders import image_path  # noqa: PLC0415 - Pillow only where images are read

    return {name: reason_of(fault, image_path(folder, name)) for name, fault in reading.faults.items()}


def pool_hash(study: StudyDocument) -> str:
    """Hash what the study says of its images: the input_hash of their list."""
    return sha256_bytes(study.pool.model_dump_json().encode())


def are_recorded(paths: StudyPaths) -> bool:
    """Return whether the study has its list."""
    return (paths.inputs / MANIFEST_NAME).is_file()


def open_folder(paths: StudyPaths, study: StudyDocument) -> FolderPool | None:
    """Open the study's folder of images where it is now, whatever is in it; None where images are computed.

    Parameters
    ----------
    paths, study
        The study.

    Raises
    ------
    ImageError
        It is gone.
    """
    described = as_moved(study, read_amendments(paths.amendments)).pool
    if described.folder is not None and not Path(described.folder).is_dir():
        raise ImageError(
            f"{described.folder}: expected the study's folder of images, found none. Mount the disk that it is on, or "
            f"say where it is now by `closedloop move {quoted(paths.root)} --images FOLDER --why TEXT`."
        )
    pool = open_pool(described.model_dump(exclude_none=True))
    return pool if isinstance(pool, FolderPool) else None


def check_pictures_already_shown(paths: StudyPaths, study: StudyDocument) -> None:
    """Compare the images that every day shows again with what was shown, pixel for pixel.

    An older study has no list: an image that was overwritten before there was one would be listed as it is now.

    Raises
    ------
    ImageError
        One is missing, or looks otherwise than on an earlier day.
    """
    pool = open_folder(paths, study)
    if pool is None or not (paths.start / MANIFEST_NAME).is_file():
        return
    for path in sorted(paths.root.glob(f"day-*/{STIMULI.stage}/{MANIFEST_NAME}"))[:1]:
        rows = STIMULI.read(path.with_name(STIMULI.name))
        names = ("image_id", "stimulus_id", "kind", "role")
        for image_id, shown, kind, role in zip(*(rows[name].tolist() for name in names), strict=True):
            if kind == "clean" and role not in FITTED_ROLES and stimulus_id(pool.load(image_id)) != shown:
                raise ImageError(
                    f"{pool.folder}/{image_id}: expected the picture that was shown on an earlier day, found "
                    "another: the file was overwritten. Restore it from a copy."
                )


def compare_inputs(paths: StudyPaths, study: StudyDocument) -> str | None:
    """Compare the folder's names with the list; return in one line what is another now and what that means.

    Raises
    ------
    ImageError
        The folder, or an image that will be shown, is gone.
    ManifestError
        The list itself was changed.
    """
    verify_files(paths.inputs, read_manifest(paths.inputs))
    pool = open_folder(paths, study)
    if pool is None:
        return None
    left_out = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).left_out
    changes = folder_changes(pool, read_image_list(paths))
    changes = replace(changes, new=tuple(name for name in changes.new if name not in left_out))
    needed = _to_be_shown(paths)
    for name in sorted(needed & {*changes.gone, *changes.renamed}):
        found = f"it under the name {changes.renamed[name]}" if name in changes.renamed else "none"
        raise ImageError(
            f"{pool.folder}/{name}: expected an image that was drawn to be shown, found {found}. "
            f"{'Give it its name back' if name in changes.renamed else 'Put it back from a copy'}."
        )
    return _said(pool.folder, changes)


def read_image_list(paths: StudyPaths) -> tuple[ListedImage, ...]:
    """Return the list of the folder's images, with those that were added and are in force."""
    return (*_images(IMAGE_LIST.read(IMAGE_LIST.published(paths, 0))), *read_added(paths))


def read_added(paths: StudyPaths) -> tuple[ListedImage, ...]:
    """Return the images that were added to the list and are in force."""
    place = ADDED_IMAGES.published(paths, 0)
    if not place.is_file():
        return ()
    rows, numbers = ADDED_IMAGES.read(place), additions(whole_amendments(paths.amendments))
    return tuple(image for image, of in zip(_images(rows), rows["addition"], strict=True) if int(of) in numbers)


def _images(rows: Columns) -> tuple[ListedImage, ...]:
    names = ("image_id", "sha256", "n_bytes")
    return tuple(ListedImage(str(i), str(s), int(n)) for i, s, n in zip(*(rows[name] for name in names), strict=True))


def listed_pool(paths: StudyPaths, pool: FolderPool) -> ListedPool:
    """Return the folder's images as they were listed."""
    return ListedPool(pool, {image.image_id: image.sha256 for image in read_image_list(paths)})


def _to_be_shown(paths: StudyPaths) -> set[str]:
    """Return the images that a day to come reads: anchors and normalizers, and clean ones that were drawn for it.

    The pixels of the days before are in the study.
    """
    found: set[str] = set()
    sequence = paths.sequence
    for block in (START, *paths.found()):
        path = QUEUE.left(paths.at(block), block.day) if block != START else paths.start / QUEUE.name
        if (path.parent / MANIFEST_NAME).is_file():
            queue: ImageQueue = QUEUE.read(path)
            shows = sequence.shows_images_of(block)
            is_made = (paths.at(shows).folder(STIMULI.stage, shows.day) / MANIFEST_NAME).is_file()
            of_the_day = () if is_made else queue.clean
            found |= {image.image_id for image in (*queue.anchors, *queue.normalizers, *of_the_day)}
    return found


def _said(folder: Path, changes: FolderChanges) -> str | None:
    renamed = [f"{old} (now {new})" for old, new in changes.renamed.items()]
    said = [
        f"{len(changes.gone)} images are gone ({_names(changes.gone)}): they are drawn no more" if changes.gone else "",
        f"{len(renamed)} were renamed ({_names(renamed)}): they are drawn no more" if renamed else "",
        f"{len(changes.new)} are new ({_names(changes.new)}): they are not drawn before `closedloop add-images`"
        if changes.new
        else "",
    ]
    parts = [part for part in said if part]
    if not parts:
        return None
    return (
        f"{folder}: expected the images that were listed, found that {'; '.join(parts)}. "
        "Put the folder back as it was, or go on without them: nothing that was drawn is among them."
    )


def _names(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
