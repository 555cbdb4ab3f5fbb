"""Responses that were imported: which are in force, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from closedloop.artifacts.amended.standing import standing, withdrawals
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, read_manifest
from closedloop.artifacts.records.amendments import Amendment, read_amendments, whole_amendments
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_bytes

CONTENT_SHA256: Final = "content_sha256"
N_IMAGES, N_SITES, SOURCE = "n_images", "n_sites", "source"


def imported_line(amendments: Sequence[Amendment]) -> Amendment | None:
    """Return the line that is in force; None where nothing is imported."""
    lines = [line for line in standing(amendments) if line.kind == "import_responses"]
    return lines[-1] if lines else None


def content_sha256(outputs: Mapping[str, FileEntry]) -> str:
    """Return what is in the folder of imported responses as a hash, by its manifest."""
    return sha256_bytes("\n".join(f"{entry.sha256} {name}" for name, entry in sorted(outputs.items())).encode())


def is_imported(paths: StudyPaths) -> bool:
    """Return whether a study begins with imported responses: whether somebody decided so, though they may be lost."""
    return imported_line(whole_amendments(paths.amendments)) is not None  # a damaged list is told by who reads it


def imported_fault(paths: StudyPaths) -> str:
    """Return what is wrong with a study's imported responses, in a line; empty where nothing is.

    Raises
    ------
    DocumentError
        Their manifest, or the list of amendments, cannot be read.
    """
    line = imported_line(read_amendments(paths.amendments))
    if line is None:
        return ""
    if not (paths.imported / MANIFEST_NAME).is_file():
        found = "none"
    elif content_sha256(read_manifest(paths.imported).outputs) != line.after.get(CONTENT_SHA256):
        found = "others"
    else:
        return ""
    return (
        f"{paths.imported}: expected the responses imported from {line.after.get(SOURCE, '?')}, found {found}. "
        "Restore the folder from a copy, or import them again as long as no session was shown."
    )


def said(line: Amendment) -> str:
    """Return what an `import_responses` line says, in words."""
    n_images, n_sites = line.after.get(N_IMAGES, "?"), line.after.get(N_SITES, "?")
    instead = f" in place of those from {line.before[SOURCE]}" if SOURCE in line.before else ""
    return (
        f"imported responses of {n_sites} sites to {n_images} images from {line.after.get(SOURCE, '?')}, recorded "
        f"elsewhere{instead}: the study's model begins fitted to them"
    )


def replaced_by(amendments: Sequence[Amendment]) -> dict[int, int]:
    """Return which line's imported responses stand in place of which line's, by their numbers."""
    back = withdrawals(amendments)
    numbers = [
        number
        for number, line in enumerate(amendments, start=1)
        if line.kind == "import_responses" and number not in back
    ]
    return dict(pairwise(numbers))
