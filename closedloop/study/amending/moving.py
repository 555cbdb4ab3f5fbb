"""`closedloop move`: where images and base model are now, taken where they are what they were, byte for byte."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.moved import BASE_MODEL, IMAGES, as_moved
from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import CheckpointError, ImageError, OptionError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.folders import image_path
from closedloop.storage import resolved, sha256_file
from closedloop.study.amending.decide import Decision, decide, reason_given
from closedloop.study.inputs import are_recorded, read_image_list


def move(
    paths: StudyPaths,
    study: StudyDocument,
    *,
    images: Path | None,
    base_model: Path | None,
    by: str | None,
    why: str,
    progress: ProgressCallback,
) -> Amendment:
    """Note where the images or the base model are now.

    Parameters
    ----------
    paths, study
        The study.
    images
        The folder of images; None where it is where it was.
    base_model
        The file of the base model; None where it is where it was.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    progress
        Called with (bytes read, all bytes) of the images.

    Raises
    ------
    OptionError
        Nothing is said to have moved, or no reason is given.
    StudyError
        The study has no list of what its images are, or computes them.
    ImageError
        An image is missing there, or has other bytes.
    CheckpointError
        The base model is another.
    """
    reason_given(why)
    if images is None and base_model is None:
        raise OptionError("--images: expected what has moved, by --images or --base-model, found neither. Give one.")
    if not are_recorded(paths):
        raise StudyError(
            f"{paths.inputs}: expected the list of what the study's images and its base model are, found none. Have it "
            f"made by `closedloop run {quoted(paths.root)}` where they were, or put a link there."
        )
    after: dict[str, str] = {}
    if images is not None:
        after[IMAGES] = _checked_images(paths, study, resolved(images), progress)
    if base_model is not None:
        after[BASE_MODEL] = _checked_base_model(paths, resolved(base_model))

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        now = as_moved(study, amendments)
        before = {IMAGES: str(now.pool.folder), BASE_MODEL: now.base_model}
        changed = {name: place for name, place in after.items() if before[name] != place}
        if not changed:
            raise StudyError(f"{paths.root}: expected another place than {', '.join(after.values())}, found that one.")
        return Decision("move_study", None, tuple(changed), {name: before[name] for name in changed}, changed)

    return decide(paths, study, by=by, why=why, decision=decision)


def located(paths: StudyPaths, study: StudyDocument) -> StudyDocument:
    """Return a study with the places where its images and its base model are now, by its amendments as they are."""
    return as_moved(study, read_amendments(paths.amendments))


def _checked_images(paths: StudyPaths, study: StudyDocument, folder: Path, progress: ProgressCallback) -> str:
    """Read every listed image in its new folder; nobody shows another under its name."""
    if study.pool.folder is None:
        raise StudyError(f"{paths.root}: expected a study of a folder of images, found that it computes them.")
    listed = read_image_list(paths)
    n_read, n_bytes = 0, sum(image.n_bytes for image in listed)
    for image in listed:
        path = image_path(folder, image.image_id)
        found = "" if path.is_file() else "none"
        if not found and sha256_file(path) != image.sha256:
            found = "one of other bytes"
        if found:
            raise ImageError(
                f"{path}: expected the image that the study has listed, found {found}. Copy the folder anew, with all "
                "its images, and say again where it is."
            )
        n_read += image.n_bytes
        progress(n_read, n_bytes)
    return str(folder)


def _checked_base_model(paths: StudyPaths, file: Path) -> str:
    recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    found = "" if file.is_file() else "no file"
    if not found and recorded.base_model_sha256 not in (None, sha256_file(file)):
        found = "other bytes"
    if found:
        raise CheckpointError(
            f"{file}: expected the base model that the study began with, sha256 {recorded.base_model_sha256}, found "
            f"{found}. Give its copy."
        )
    return str(file)
