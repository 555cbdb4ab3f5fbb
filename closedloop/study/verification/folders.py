"""The published folders: their bytes, what lies there that nobody listed, whether every document can be read."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.kept import kept_folders
from closedloop.artifacts.arrays import check_arrays
from closedloop.artifacts.catalog import CATALOG, files_of
from closedloop.artifacts.files.kinds import ArrayFile, DocumentFile, JournalFile, StudyFile, TableFile
from closedloop.artifacts.manifest import (
    MANIFEST_NAME,
    Manifest,
    is_litter,
    read_manifest,
    refuse_link_out,
    unlisted_files,
    way_back,
)
from closedloop.artifacts.records import sequence
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import BROUGHT, IMPORTED, INPUTS, STAGES, START, StudyDocument, StudyPaths
from closedloop.artifacts.tables import is_simulated
from closedloop.study.verification.findings import Findings

Folder = tuple[str, Block, Path]
"""Stage, session and where its folder is published."""


def check_folder(findings: Findings, study: StudyDocument, stage: str, folder: Path) -> None:
    """Read a stage's folder: its manifest, its files, its documents, and whatever else is there.

    Parameters
    ----------
    findings
        Grow by what is found.
    study
        Whose.
    stage, folder
        Which, and where.
    """
    if not (folder / MANIFEST_NAME).is_file():
        _without_manifest(findings, study, stage, folder)
        return
    with findings.reading("document", folder / MANIFEST_NAME):
        manifest = read_manifest(folder)
        _check_identity(findings, study, manifest, stage=stage, folder=folder)
        whole = {name for name in manifest.outputs if _is_whole(findings, study, folder, name, manifest)}
        for name in unlisted_files(folder, manifest):
            findings.fault(
                "unlisted",
                f"{folder / name}: expected only the files that {MANIFEST_NAME} beside it names, found one more. "
                f"Move it out of {folder}.",
            )
        _check_documents(findings, study, manifest, stage=stage, folder=folder, whole=whole)
    for path in sorted(folder.rglob(".*")):
        if not is_litter(path.name):
            findings.fault(
                "leftover", f"{path}: expected nothing hidden in a published folder, found this. Move it away."
            )


def check_kept(findings: Findings, study: StudyDocument, paths: StudyPaths) -> None:
    """Read the folders that were kept when their stage was made again: what later days were shown by follows from them.

    Recordings that were replaced are compared with what was noted of them, elsewhere.

    Parameters
    ----------
    findings
        Grow by what is found.
    study, paths
        Whose.
    """
    for stage in (name for name in STAGES if name not in BROUGHT):
        for folder in sorted(paths.root.glob(f"day-[0-9]*/{stage}")):
            for kept in kept_folders(folder):
                check_folder(findings, study, stage, kept)


def _without_manifest(findings: Findings, study: StudyDocument, stage: str, folder: Path) -> None:
    if stage in BROUGHT and not study.simulated:
        findings.notes.append(f"{folder}: not sealed yet; `closedloop run` does it once all is there.")
        return
    findings.fault(
        "bytes",
        f"{folder}: expected a {MANIFEST_NAME}, found none: nobody knows what was in there. Restore it from a copy, "
        "or have `closedloop run` make the stage again.",
    )


def _check_identity(findings: Findings, study: StudyDocument, manifest: Manifest, *, stage: str, folder: Path) -> None:
    if manifest.stage != stage:
        findings.fault(
            "document",
            f"{folder / MANIFEST_NAME}: expected the manifest of {stage}, found that of {manifest.stage}. Restore it.",
        )
    if manifest.simulated != study.simulated:
        _wrong_mark(findings, folder / MANIFEST_NAME, study)


def _wrong_mark(findings: Findings, path: Path, study: StudyDocument) -> None:
    names = {True: "simulated", False: "real"}
    findings.fault(
        "document",
        f"{path}: expected {names[study.simulated]} data as in study.json, found {names[not study.simulated]} data. "
        "Restore the study's own file.",
    )


def _is_whole(findings: Findings, study: StudyDocument, folder: Path, name: str, manifest: Manifest) -> bool:
    path, entry = folder / name, manifest.outputs[name]
    found = ""
    with findings.reading("bytes", path):
        refuse_link_out(folder, name)
        if not path.is_file():
            found = "no file"
            findings.advance(entry.n_bytes)
        elif findings.sha256(path) != entry.sha256:
            found = "other bytes"
        if found:
            findings.fault(
                "bytes",
                f"{path}: expected the bytes that {MANIFEST_NAME} beside it promises, found {found}. "
                f"{way_back(folder, simulated=study.simulated)}",
            )
        return not found
    return False


def _check_documents(
    findings: Findings, study: StudyDocument, manifest: Manifest, *, stage: str, folder: Path, whole: set[str]
) -> None:
    """Read every file that is whole by its kind; a damaged one has its line already."""
    files = [file for file in CATALOG if file.handed_on] if stage == START else files_of(stage)
    for file in files:
        path = folder / file.name
        if file.name in whole:
            with findings.reading("journal" if isinstance(file, JournalFile) else "document", path):
                if _mark(file, path) not in {None, study.simulated}:
                    _wrong_mark(findings, path, study)
        elif not file.optional and file.name not in manifest.outputs and type(file) is not StudyFile:
            findings.fault(
                "document", f"{path}: expected {file.holds}, found that {MANIFEST_NAME} names no such file. Restore it."
            )


def _mark(file: StudyFile, path: Path) -> bool | None:
    """Read a file and return its mark of simulated data; None where its kind has none or it is not read by us."""
    match file:
        case DocumentFile():
            return bool(file.read(path).simulated)
        case TableFile():
            file.read(path)
            return is_simulated(path)
        case ArrayFile():
            check_arrays(path, file.layout)
        case JournalFile():
            file.read(path)
    return None


def published_folders(paths: StudyPaths) -> list[Folder]:
    """Return every folder that a stage publishes and that is there, in the loop's order."""
    of_the_study = [
        (INPUTS, sequence.START, paths.inputs),
        (IMPORTED, sequence.START, paths.imported),
        (START, sequence.START, paths.start),
    ]
    of_sessions = [
        (stage, block, paths.at(block).folder(stage, block.day)) for block in paths.found() for stage in STAGES
    ]
    return [one for one in (*of_the_study, *of_sessions) if one[2].is_dir()]
