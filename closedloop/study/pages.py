"""When the pages are drawn, and from what: by hashes, and never from what does not verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from closedloop import __version__
from closedloop.artifacts.amended.kept import recordings_to_seal
from closedloop.artifacts.catalog import REPORT_RECORD
from closedloop.artifacts.manifest import MANIFEST_NAME, missing_line, read_manifest, verify_files
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.pages import PagesRecord
from closedloop.artifacts.records.sequence import Block, block_of_folder
from closedloop.artifacts.study import BROUGHT, STAGES, StudyDocument, StudyPaths
from closedloop.errors import DocumentError, ManifestError
from closedloop.storage import sha256_file
from closedloop.study.process.links import refuse_links_out

_NOTHING: Final[Mapping[Block, Sequence[str]]] = MappingProxyType({})
_UNREAD = {"recording"}  # no page shows voltage, and hashing a day of it takes minutes


def draw_pages_if_due(paths: StudyPaths, outdated: Mapping[Block, Sequence[str]] = _NOTHING) -> None:
    """Draw the pages where a day is evaluated and they are not those of what is published now, or were changed.

    They cost seconds, and are drawn once, at the end, so that they are there whenever the loop has stopped by itself.

    Parameters
    ----------
    paths
        The study.
    outdated
        By session, the published stages that are to be made again: their numbers are of before a decision.
    """
    if not _published(paths, "evaluate"):
        return
    if not _is_drawn(paths):
        draw_pages(paths, outdated)


def draw_pages(paths: StudyPaths, outdated: Mapping[Block, Sequence[str]] = _NOTHING) -> Path:
    """Draw the pages from files that are what their manifests promise, each read to its end.

    Parameters
    ----------
    paths
        The study.
    outdated
        By session, the published stages that are to be made again: their numbers are of before a decision.

    Returns
    -------
    Path
        The study's page.

    Raises
    ------
    ManifestError
        A published file is missing or differs, or the folder from which another was made: nothing is drawn.
    StudyError
        The folder of the pages is a link out of the study.
    DocumentError
        One cannot be read.
    """
    from closedloop.report.pages import write_report  # noqa: PLC0415 - matplotlib is not needed to look at a study

    refuse_links_out(paths.root)
    _refuse_without_origin(paths)
    sources = _sources(paths)
    for stage in STAGES:
        for folder in _published(paths, stage) if stage not in _UNREAD else ():
            verify_files(folder, read_manifest(folder))
    page = write_report(paths, outdated)
    PagesRecord(
        simulated=StudyDocument.read(paths.study).simulated,
        code_version=__version__,
        drawn_from=sources,
        files=_digests(paths),
    ).write(REPORT_RECORD.published(paths, 0))
    return page


def _refuse_without_origin(paths: StudyPaths) -> None:
    """Refuse a day of which a stage lost its manifest, or one before a published one: numbers would come from nowhere.

    Raises
    ------
    ManifestError
        There is one.
    """
    simulated, sequence = StudyDocument.read(paths.study).simulated, paths.sequence
    to_seal = recordings_to_seal(paths, read_amendments(paths.amendments))  # the pages say what is made from them
    published = {stage: {folder.parent for folder in _published(paths, stage)} for stage in STAGES}
    for day in sorted(set().union(*published.values())):
        if (block := block_of_folder(day.name)) is None or block not in sequence.of_day(block.day):
            continue  # a session that people decided not to have is as far as it came
        last = max(number for number, stage in enumerate(STAGES) if day in published[stage])
        before = (paths.start, *(day / stage for stage in STAGES[:last]))
        # What a person brings lies there before it is sealed; what a stage makes has its name and its manifest at once.
        after = (day / stage for stage in STAGES[last:] if simulated or stage not in BROUGHT)
        for folder in (*before, *(one for one in after if one.is_dir())):
            if folder not in to_seal and not (folder / MANIFEST_NAME).is_file():
                raise ManifestError(missing_line(folder, simulated=simulated))


def _is_drawn(paths: StudyPaths) -> bool:
    try:
        record = REPORT_RECORD.read(REPORT_RECORD.published(paths, 0))
    except DocumentError:  # drawn by a version without one, or damaged: drawing mends it
        return False
    files = _digests(paths)
    unchanged = all(files.get(name) == digest for name, digest in record.files.items())
    return unchanged and record.code_version == __version__ and record.drawn_from == _sources(paths)


def _sources(paths: StudyPaths) -> dict[str, str]:
    manifests = [folder / MANIFEST_NAME for stage in STAGES for folder in _published(paths, stage)]
    decided = [paths.amendments] if paths.amendments.is_file() else []
    return {paths.relative(path): sha256_file(path) for path in (paths.study, paths.protocol, *decided, *manifests)}


def _published(paths: StudyPaths, stage: str) -> list[Path]:
    """Return the published folders of a stage, by day."""
    return sorted(path.parent for path in paths.root.glob(f"day-*/{stage}/{MANIFEST_NAME}"))


def _digests(paths: StudyPaths) -> dict[str, str]:
    pages = [path for path in sorted(paths.report.glob("[!.]*")) if path.suffix in {".html", ".csv"}]
    return {path.name: sha256_file(path) for path in pages}
