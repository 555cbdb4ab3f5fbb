"""`closedloop add-images`: images that were put into the study's folder since are drawn too, from a day on.

The list grows by a file of its own, `inputs/added.parquet`; what was listed stays as it is. Rows count by the line of
the amendments that names their addition: without it, or where it was taken back, nobody draws them.
"""

from __future__ import annotations

from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.amended.images import LIST_SHA256, N_IMAGES
from closedloop.artifacts.catalog import ADDED_IMAGES, STUDY_INPUTS
from closedloop.artifacts.manifest import MANIFEST_NAME, describe_files, read_manifest, verify_files
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import INPUTS, DayPaths, StudyDocument, StudyPaths
from closedloop.errors import ImageError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.listed import FolderPool, FolderReading, folder_changes, read_folder, refuse_unreadable
from closedloop.storage import (
    copy_file,
    make_folder,
    publish_folder,
    remove_file,
    remove_folder,
    sha256_bytes,
    storage_errors,
)
from closedloop.study.amending.decide import Decision, decide, reason_given
from closedloop.study.amending.protocol import refuse_begun
from closedloop.study.amending.recorded import begun_days
from closedloop.study.inputs import are_recorded, open_folder, read_image_list


def add_images(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    from_day: int | None,
    skip_unreadable: bool,
    by: str | None,
    why: str,
    progress: ProgressCallback,
) -> Amendment:
    """Add the images that are new in the study's folder to those that days draw from. The study is locked meanwhile.

    Parameters
    ----------
    paths, study, protocol
        The study.
    from_day
        The first day that draws from them; None: the first that has not begun to be shown. Day 0 draws from the list
        that the study was made with.
    skip_unreadable
        Whether images that cannot be shown are left out; else they are refused.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    progress
        Called with (images read, all new images).

    Raises
    ------
    StudyError
        The study has no list of images, or the day has begun to be shown.
    ImageError
        Nothing is new in the folder, or some of it cannot be shown.
    OptionError
        No reason is given, or a name that cannot be printed.
    """
    reason_given(why)
    if not are_recorded(paths):
        raise StudyError(
            f"{paths.inputs}: expected the list of the study's images, found none. Have it made by `closedloop run "
            f"{quoted(paths.root)}`, with the folder as it was."
        )
    pool = open_folder(paths, study)
    if pool is None:
        raise StudyError(f"{paths.root}: expected a study of a folder of images, found that it computes them.")
    first = from_day if from_day is not None else max([*begun_days(paths, protocol.days), 0]) + 1
    if first == 0:
        raise StudyError(
            "--from-day: expected 1 or more, found 0: day 0 draws from the list that the study began with."
        )
    refuse_begun(paths, protocol, first=first, remedy="Pass --from-day {next}")
    reading = _new_images(paths, pool, skip_unreadable=skip_unreadable, progress=progress)
    number = sum(line.kind == "add_images" for line in read_amendments(paths.amendments)) + 1
    _write_list(paths, study, reading, number)
    told = {N_IMAGES: str(len(reading.images)), LIST_SHA256: _hash(reading)}
    decision = Decision("add_images", first, (str(number),), {}, told)
    return decide(paths, study, by=by, why=why, decision=lambda _lines: decision)


def _new_images(
    paths: StudyPaths, pool: FolderPool, *, skip_unreadable: bool, progress: ProgressCallback
) -> FolderReading:
    """Read what is new in the folder; what is in the list already, by its bytes, under another name too, is refused."""
    listed = read_image_list(paths)
    left_out = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).left_out
    new = [name for name in folder_changes(pool, listed).new if name not in left_out]
    if not new:
        raise ImageError(
            f"{pool.folder}: expected images that the study has not listed, found none. Copy them there first."
        )
    remembered = _working(paths).with_name(".added.remembered")
    reading = read_folder(pool, remembered=remembered, progress=progress, only=set(new))
    remove_file(remembered)
    if not skip_unreadable:
        refuse_unreadable(pool, reading, otherwise=", or go on without them by --skip-unreadable")
    known = {image.sha256: image.image_id for image in listed}
    for image in reading.images:
        if image.sha256 in known:
            raise ImageError(
                f"{pool.folder}/{image.image_id}: expected an image that is new, found {known[image.sha256]} again, "
                "byte for byte. Take it out of the folder: it would be shown as another one."
            )
        known[image.sha256] = image.image_id
    if not reading.images:
        raise ImageError(f"{pool.folder}: expected new images that can be shown, found none. Mend them.")
    return reading


def _write_list(paths: StudyPaths, study: StudyDocument, reading: FolderReading, number: int) -> None:
    """Publish the list with the new rows; those that no line names, of a command that was killed, go."""
    manifest = read_manifest(paths.inputs)
    verify_files(paths.inputs, manifest)
    working = _working(paths)
    with storage_errors(working):
        remove_folder(working)
        make_folder(working)
        for name in manifest.outputs:
            if name != ADDED_IMAGES.name:
                copy_file(paths.inputs / name, working / name)
        rows = {name: list[object]() for name in ADDED_IMAGES.layout.columns}
        place = ADDED_IMAGES.published(paths, 0)
        if place.is_file():
            known = ADDED_IMAGES.read(place)
            kept = [at for at, of in enumerate(known["addition"]) if int(of) < number]
            rows = {name: [values[at] for at in kept] for name, values in known.items()}
        for image in reading.images:
            rows["image_id"].append(image.image_id)
            rows["sha256"].append(image.sha256)
            rows["n_bytes"].append(image.n_bytes)
            rows["addition"].append(number)
        ADDED_IMAGES.write(working / ADDED_IMAGES.name, rows, simulated=study.simulated)
        outputs = describe_files(working)
        grown = manifest.model_copy(update={"outputs": outputs, "code_version": __version__})
        grown.write(working / MANIFEST_NAME)
        publish_folder(working, paths.inputs)


def _working(paths: StudyPaths) -> Path:
    return DayPaths(paths.root).working(INPUTS)


def _hash(reading: FolderReading) -> str:
    return sha256_bytes("\n".join(f"{image.sha256} {image.image_id}" for image in reading.images).encode())
