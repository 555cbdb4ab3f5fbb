"""What a study consists of besides its stages' folders: images, base model, journals, amendments, report, leftovers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from closedloop.artifacts.amended.imported import imported_line
from closedloop.artifacts.amended.moved import as_moved
from closedloop.artifacts.catalog import REPORT_RECORD, STIMULI, STUDY_INPUTS
from closedloop.artifacts.manifest import MANIFEST_NAME, is_litter
from closedloop.artifacts.protocol.images import WITHOUT_FILE
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments, whole_amendments
from closedloop.artifacts.records.metadata import StudyMetadata
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import (
    GATES_FOLDER,
    IMPORTED,
    INPUTS,
    REPLACED,
    STAGES,
    START,
    StudyDocument,
    StudyPaths,
)
from closedloop.models.shipped import weights_file
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.folders import image_path
from closedloop.storage import sha256_file
from closedloop.study.inputs import are_recorded, compare_inputs, open_folder, read_image_list
from closedloop.study.ledger import ledger_fault
from closedloop.study.process.leftovers import is_leftover
from closedloop.study.process.lock import LOOP_LOCK, WAIT_LOCK, holder_of
from closedloop.study.process.notes import NOTE_ENDING
from closedloop.study.replacement import INTENT
from closedloop.study.session_checks import check_session
from closedloop.study.verification.findings import Findings


def check_images(findings: Findings, paths: StudyPaths, study: StudyDocument) -> None:
    """Read every listed image.

    Parameters
    ----------
    findings
        Grow by what is found.
    paths, study
        Whose.
    """
    if not are_recorded(paths):
        findings.notes.append(f"{paths.inputs}: no list of images yet; `closedloop run` makes one when it opens them.")
        return
    with findings.reading("images", paths.inputs):
        changed = compare_inputs(paths, study)
        if changed:
            findings.notes.append(changed)
    with findings.reading("images", paths.inputs):
        pool = open_folder(paths, study)
        if pool is None:
            return
        for image in read_image_list(paths):
            path = image_path(pool.folder, image.image_id)
            with findings.reading("images", path):
                if not path.is_file():  # said already, where it matters
                    findings.advance(image.n_bytes)
                elif findings.sha256(path) != image.sha256:
                    findings.fault(
                        "images",
                        f"{path}: expected the bytes that were listed, found others: the file was overwritten. "
                        "Restore it from a copy.",
                    )


def check_base_model(findings: Findings, paths: StudyPaths, study: StudyDocument) -> None:
    """Read the base model's file, where it is now.

    Parameters
    ----------
    findings
        Grow by what is found.
    paths, study
        Whose.
    """
    if not (paths.inputs / STUDY_INPUTS.name).is_file():
        return
    with findings.reading("base model", paths.inputs):
        recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
        moved = as_moved(study, whole_amendments(paths.amendments)).base_model
        path = weights_file(moved if moved != study.base_model else recorded.base_model)
        if recorded.base_model in WITHOUT_FILE:
            pass  # from a seed, or from code that is in the study
        elif recorded.base_model_sha256 is None:
            findings.notes.append(f"{path}: nobody knows what the base model was; model 0 is in {paths.start}.")
        else:
            _check_weights(findings, paths, path, recorded.base_model_sha256)
        if recorded.member_sha256 or recorded.arm_model_sha256:
            protocol = read_protocol(paths.protocol)
            others = [*zip(protocol.ensemble, recorded.member_sha256, strict=False)]
            others += [(one.base_model, recorded.arm_model_sha256.get(one.name)) for one in protocol.arms.models]
            for member, sha256 in others:
                if sha256 is not None:
                    _check_weights(findings, paths, weights_file(member.weights), sha256)


def _check_weights(findings: Findings, paths: StudyPaths, path: Path, sha256: str) -> None:
    found = "no file" if not path.is_file() else ""
    if not found and findings.sha256(path) != sha256:
        found = "other bytes"
    if found:
        findings.fault(
            "base model",
            f"{path}: expected the base model that the study began with, found {found}. Restore it from a copy; "
            f"until then {paths.start} cannot be made again.",
        )


def check_pictures(findings: Findings, paths: StudyPaths) -> None:
    """Compare the pictures of an image's name on all days: it is one picture."""
    shown: dict[str, tuple[str, str]] = {}
    for path in sorted(paths.root.glob(f"day-*/{STIMULI.stage}/{STIMULI.name}")):
        with findings.reading("document", path):
            rows = STIMULI.read(path)
            clean = rows["kind"] == "clean"
            for name, picture in zip(rows["image_id"][clean], rows["stimulus_id"][clean], strict=True):
                first, where = shown.setdefault(name, (picture, paths.relative(path.parent)))
                if first != picture:
                    findings.fault(
                        "images",
                        f"{path}: expected {name} to be the picture of {where}, found another under its name. Its "
                        "responses are of two pictures: set it aside in what is computed from them.",
                    )


def check_journals(findings: Findings, paths: StudyPaths, study: StudyDocument) -> None:
    """Compare every sealed journal with itself, its plan and its summary.

    Parameters
    ----------
    findings
        Grow by what is found.
    paths, study
        Whose.
    """
    for block in paths.found():
        folder = paths.at(block).folder("present", block.day)
        if (folder / MANIFEST_NAME).is_file():
            with findings.reading("journal", folder):
                check_session(paths.at(block), study, day=block.day)


def check_amendments(findings: Findings, paths: StudyPaths) -> None:
    """Read what people decided, line by line, and the recordings that were replaced: they are kept as they were."""
    with findings.reading("document", paths.amendments):
        times: Counter[Block] = Counter()
        for amendment in read_amendments(paths.amendments):
            if amendment.kind == "replace_recording" and amendment.day is not None:
                block = Block(amendment.day, amendment.block)
                times[block] += 1
                _check_replaced(findings, paths.at(block).kept(block.day, times[block]), amendment)


def _check_replaced(findings: Findings, folder: Path, amendment: Amendment) -> None:
    """Compare a recording that gave way with what its amendment says: sha256 where it was sealed, sizes where not."""
    for name, before in amendment.before.items():
        path = folder / name
        with findings.reading("bytes", path):
            if not path.is_file():
                found = "no file"
            else:
                n_bytes = f"{path.stat().st_size} bytes"
                found = "" if before in {n_bytes, findings.sha256(path)} else "other bytes"
            if found:
                findings.fault(
                    "bytes",
                    f"{path}: expected the recording that a better copy took the place of, as amendments.jsonl has "
                    f"it, found {found}. Restore it from a copy.",
                )


def check_metadata(findings: Findings, paths: StudyPaths) -> None:
    """Read what archives are told of the study; whoever corrected it by hand may have misspelt a key."""
    if paths.metadata.exists():
        with findings.reading("document", paths.metadata):
            StudyMetadata.read(paths.metadata)


def check_report(findings: Findings, paths: StudyPaths) -> None:
    """Compare the pages with what was drawn."""
    path = REPORT_RECORD.published(paths, 0)
    if not path.is_file():
        if paths.report.is_dir():
            findings.notes.append(f"{paths.report}: drawn by a version that did not write down from what.")
        return
    with findings.reading("report", path):
        record = REPORT_RECORD.read(path)
        for name, digest in record.drawn_from.items():
            source = paths.root / name
            if source == paths.amendments and source.is_file() and sha256_file(source) != digest:
                findings.notes.append(
                    f"{path}: drawn before the last decision; `closedloop run` draws the pages again."
                )
                continue
            found = "no file" if not source.is_file() else "other bytes" if sha256_file(source) != digest else ""
            if found:
                findings.fault(
                    "report",
                    f"{path}: expected pages drawn from {name} as it is, found {found} there. "
                    f"Draw them again by `closedloop report {quoted(paths.root)}`.",
                )
        for name, digest in record.files.items():
            page = paths.report / name
            found = "no file" if not page.is_file() else "other bytes" if findings.sha256(page) != digest else ""
            if found:
                findings.fault(
                    "report",
                    f"{page}: expected the page as it was drawn, found {found}. "
                    f"Draw it again by `closedloop report {quoted(paths.root)}`.",
                )


def check_ledger(findings: Findings, paths: StudyPaths) -> None:
    """Read the ledger where no loop writes it."""
    holder = holder_of(paths.root)
    if holder:
        findings.notes.append(f"{paths.root}: {holder} is running a loop on it; what it changes meanwhile shows here.")
        return
    fault = ledger_fault(paths.ledger) if paths.ledger.exists() or paths.ledger.is_symlink() else None
    if fault:
        findings.fault("document", fault)


def note_what_is_left(findings: Findings, paths: StudyPaths) -> None:
    """Say what lies beside the stages' folders: half-done work, what a crash left, and what is none of the study's."""
    ours = {paths.protocol, paths.study, paths.ledger, paths.report, paths.start, paths.inputs, paths.amendments}
    ours |= {paths.imported} if imported_line(whole_amendments(paths.amendments)) else set()
    ours |= {paths.metadata, paths.checklist, paths.answers, paths.rehearsal}
    ours |= {paths.ledger.with_name(f"{paths.ledger.name}-{suffix}") for suffix in ("wal", "shm")}
    ours |= {paths.root / name for name in (LOOP_LOCK, WAIT_LOCK)}
    days = [path for path in paths.root.glob("day-[0-9]*") if path.is_dir()]
    ours |= {*days, *(day / name for day in days for name in (*STAGES, REPLACED, GATES_FOLDER))}
    stages = {START, INPUTS, IMPORTED, *STAGES}
    for path in sorted(path for folder in (paths.root, *days) for path in folder.iterdir() if path not in ours):
        name = path.name
        if name.endswith(NOTE_ENDING):  # how far a stage is, while it runs
            continue
        if is_leftover(path):
            findings.notes.append(f"{path}: left by a loop that was stopped; `closedloop run` removes it.")
        elif name == INTENT:
            findings.notes.append(f"{path}: a replacement that was stopped; `closedloop run` finishes it.")
        elif name.startswith(".") and name.endswith(".partial") and name[1:-8] in stages:
            findings.notes.append(f"{path}: half-done work; `closedloop run` goes on with it.")
        elif name.startswith(".") and name.endswith((".retired", ".tmp")):
            findings.fault("leftover", f"{path}: expected no such file, found what a crash left. Move it away.")
        elif not (name.startswith(".") or is_litter(name)):
            findings.notes.append(f"{path}: none of the study's; it is not read.")
