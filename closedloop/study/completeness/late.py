"""Files that came into a folder after it was sealed: nobody knows of them, and nothing is computed beside them."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.manifest import Manifest
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import quoted
from closedloop.study.completeness.looks import list_files
from closedloop.study.completeness.names import is_copying


def late_file(folder: Path, manifest: Manifest) -> str | None:
    """Return the first file that a sealed folder's manifest does not name; what desktops leave does not count."""
    for file in list_files(folder):
        hidden = file.name.rpartition("/")[2].startswith(".")
        if file.name not in manifest.outputs and (not hidden or is_copying(file.name)):
            return file.name
    return None


def refuse_late_files(paths: StudyPaths, day: int, stage: str, manifest: Manifest) -> None:
    """Stop where a file came into a day's folder after it was sealed.

    Parameters
    ----------
    paths
        The study.
    day, stage
        Which: `present` or `recording`.
    manifest
        Of the folder.

    Raises
    ------
    StudyError
        A file did.
    """
    folder = paths.folder(stage, day)
    name = late_file(folder, manifest)
    if name is None:
        return
    way = "Move it out of the folder."
    if stage == "recording":
        options = f"--day {day}{block_option(paths.block(day))}"
        way = (
            f"If it belongs to the day, bring all files anew by `closedloop replace-recording {quoted(paths.root)} "
            f"{options} --from FOLDER --why REASON`; if not, move it out of the "
            "folder."
        )
    raise StudyError(
        f"{folder / name}: expected the files that were sealed on {paths.block(day).said}, found one that came later. "
        f"{way}"
    )
