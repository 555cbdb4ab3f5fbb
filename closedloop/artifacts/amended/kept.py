"""What was made again after later days had been shown from it: its folder is kept, what was shown follows from it.

Such a folder lies in `replaced/` of its day, `refit-1`, `refit-2` and so on, with its manifest: whoever reads what a
later day was made from finds it there, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import REPLACED, StudyPaths


def kept_folders(folder: Path) -> list[Path]:
    """Return the folders that a published one took the place of, the first one first; those without a manifest not.

    Parameters
    ----------
    folder
        As it is published: `day-00/refit`.
    """
    found = [
        (int(number), path)
        for path in (folder.parent / REPLACED).glob(f"{folder.name}-*")
        if (number := path.name.removeprefix(f"{folder.name}-")).isdecimal() and (path / MANIFEST_NAME).is_file()
    ]
    return [path for _, path in sorted(found)]


def next_kept(folder: Path) -> Path:
    """Return where a published folder is kept that is about to be made again."""
    taken = [
        int(number)
        for path in (folder.parent / REPLACED).glob(f"{folder.name}-*")
        if (number := path.name.removeprefix(f"{folder.name}-")).isdecimal()
    ]
    return folder.parent / REPLACED / f"{folder.name}-{max(taken, default=0) + 1}"


def outputs_of(paths: StudyPaths, folder: Path, manifest: Manifest) -> dict[str, str]:
    """Return what others name as their inputs of a folder: sha256 by path in the study, under its published name.

    Parameters
    ----------
    paths
        The study.
    folder
        As it is published, also where the manifest is of one that was kept.
    manifest
        Its.
    """
    return {f"{paths.relative(folder)}/{name}": entry.sha256 for name, entry in manifest.outputs.items()}


def of_folder(inputs: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the inputs that lie in a folder, by its path in the study."""
    return {name: digest for name, digest in inputs.items() if name.startswith(f"{folder}/")}


def source_of(paths: StudyPaths, inputs: Mapping[str, str], folder: str) -> Path | None:
    """Return the folder with the files that a manifest names: as it is published, or as it was kept; None: neither.

    Parameters
    ----------
    paths
        The study.
    inputs
        The manifest's.
    folder
        By its path in the study.
    """
    wanted, published = of_folder(inputs, folder), paths.root / folder
    for place in (published, *kept_folders(published)):
        if (place / MANIFEST_NAME).is_file() and outputs_of(paths, published, read_manifest(place)) == wanted:
            return place
    return None


def folders_that_differ(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the folders, by their paths in the study, of which two manifests name other files."""
    names = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    return sorted({_folder_of(name) for name in names})


def recordings_to_seal(paths: StudyPaths, amendments: Sequence[Amendment]) -> frozenset[Path]:
    """Return the folders of recordings that a better copy took the place of, and that no loop has taken over yet.

    Parameters
    ----------
    paths
        The study.
    amendments
        Its.
    """
    replaced = [one for one in standing(amendments) if one.kind == "replace_recording" and one.day is not None]
    folders = {paths.at(Block(one.day or 0, one.block)).folder("recording", one.day or 0) for one in replaced}
    return frozenset(folder for folder in folders if not (folder / MANIFEST_NAME).is_file())


def _folder_of(name: str) -> str:
    """Return the stage's folder of a file: `day-00/refit`, or `start`, which is of no day."""
    first, *rest = name.split("/")
    return f"{first}/{rest[0]}" if len(rest) > 1 else first


def sites_as_shown(paths: StudyPaths) -> Path | None:
    """Return the folder with the choice of sites that later days were shown by, where day 0 is ingested from others.

    Once another day was shown, which electrode is which output of the model stays as it was: its attacks were made for
    that choice.
    """
    ingest = paths.folder("ingest", 0)
    recording = paths.folder("recording", 0)
    for first in kept_folders(ingest)[:1]:
        if source_of(paths, read_manifest(first).inputs, paths.relative(recording)) != recording:
            return first
    return None
