"""A whole study, read: nothing is remembered, nothing is written, nothing is locked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.amended.imported import imported_fault, is_imported
from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, edited_line, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256
from closedloop.artifacts.records.amendments import read_amendments, whole_amendments
from closedloop.artifacts.records.sequence import START as NO_SESSION
from closedloop.artifacts.records.sequence import Block, readable_sequence
from closedloop.artifacts.study import IMPORTED, INPUTS, StudyPaths
from closedloop.errors import DocumentError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.models.shipped import weights_file
from closedloop.plain_text.printed import quoted
from closedloop.study.edits.protocol import check_protocol
from closedloop.study.inputs import pool_hash
from closedloop.study.loop import read_identity
from closedloop.study.outdated.decided_since import decided_since
from closedloop.study.steps import Step, Steps
from closedloop.study.table import STAGE_TABLE, Stage, StageTable
from closedloop.study.verification import surroundings
from closedloop.study.verification.findings import Findings, StudyFault
from closedloop.study.verification.folders import Folder, check_folder, check_kept, published_folders
from closedloop.study.verification.gates import check_gates


@dataclass(frozen=True)
class Verification:
    """What was read of a study, and what is wrong with it.

    Attributes
    ----------
    n_files, n_bytes
        That were read and hashed.
    notes
        What is no fault and yet to be known, a line each.
    """

    study: str
    n_files: int
    n_bytes: int
    faults: tuple[StudyFault, ...]
    notes: tuple[str, ...]


def verify_study(
    paths: StudyPaths, *, progress: ProgressCallback = lambda _done, _total: None, table: StageTable = STAGE_TABLE
) -> Verification:
    """Read everything that a study promises: files, documents, what follows from what, images, base model, journals.

    The study may be read-only. What it finds is collected, not raised.

    Parameters
    ----------
    paths
        The study.
    progress
        Called with (bytes read, all bytes).
    table
        The stages; another one in tests.

    Raises
    ------
    StudyError
        The folder is no study.
    DocumentError
        study.json or protocol.yaml cannot be read: nothing can be said of the rest.
    """
    study, protocol = read_identity(paths)
    paths = paths.keeping(readable_sequence(paths.root))  # a damaged line is one fault
    folders = published_folders(paths)
    findings = Findings(progress, _n_bytes(paths, folders))
    with findings.reading("study", paths.protocol):
        check_protocol(study, protocol, paths)
    for stage, _, folder in folders:
        check_folder(findings, study, stage, folder)
    is_decided_since = _check_chain(findings, Steps(paths, study, protocol, table, whole_amendments), folders)
    surroundings.check_images(findings, paths, study)
    surroundings.check_base_model(findings, paths, study)
    surroundings.check_pictures(findings, paths)
    surroundings.check_journals(findings, paths, study)
    surroundings.check_amendments(findings, paths)
    check_kept(findings, study, paths)
    surroundings.check_metadata(findings, paths)
    check_gates(findings, paths, study, protocol, gates=table.gates, is_decided_since=is_decided_since)
    surroundings.check_report(findings, paths)
    surroundings.check_ledger(findings, paths)
    surroundings.note_what_is_left(findings, paths)
    faults = tuple(dict.fromkeys(findings.faults))  # what two checks say in the same words is one fault
    return Verification(str(paths.root), findings.n_files, findings.n_bytes_read, faults, tuple(findings.notes))


def _check_chain(findings: Findings, steps: Steps, folders: list[Folder]) -> bool:
    """Compare what every manifest says its stage read with what is published there now.

    Returns
    -------
    bool
        Whether some of it is to be made again by what people decided since the loop ran.
    """
    stages = {stage.name: stage for stage in (steps.table.start, *steps.table.day)}
    decided, is_decided_since = None, False
    with findings.reading("document", steps.paths.amendments):
        decided = read_amendments(steps.paths.amendments)
    if decided is not None:
        _check_imported(findings, steps.paths)
    for name, block, folder in folders:
        if not (folder / MANIFEST_NAME).is_file():
            continue
        if decided is None and name in stages and stages[name].decisions:
            continue  # nobody knows what it follows from
        if name == INPUTS:
            _check_list(findings, steps, folder)
            continue
        if name == IMPORTED:
            continue
        with findings.reading("inputs", folder):
            manifest, stage = read_manifest(folder), stages[name]
            step = _step_or_what_is_missing(steps, stage, block)
            if isinstance(step, DocumentError) or not steps.follows(step, manifest):
                why, is_made_again = _excuse(steps, stage, block, manifest) if decided else ("", False)
                is_decided_since = is_decided_since or is_made_again
                if why:
                    findings.notes.append(f"{folder}: {why}.")
                    continue
                if isinstance(step, DocumentError):
                    raise StudyError(
                        f"{folder}: expected the folders that it was made from, found this: {step}"
                    ) from step
                findings.fault(
                    "inputs",
                    f"{folder}: expected what follows from its inputs, found it stale ({step.what_changed(manifest)}). "
                    f"Restore what changed, or have `closedloop run {quoted(steps.paths.root)}` say what can be made "
                    "again.",
                )
                continue
            edited = steps.edited(step, manifest)
            if edited:
                findings.fault("document", edited_line(folder, edited))
            elif not step.is_of(manifest):
                since = step.what_changed(manifest)
                findings.notes.append(f"{folder}: stands as its session was shown; by a decision since then {since}.")
            elif manifest.protocol_sha256 != protocol_sha256(step.protocol):
                findings.notes.append(
                    f"{folder / MANIFEST_NAME}: made with another protocol than the day goes by now; what differs "
                    "decides nothing here."
                )
    return is_decided_since


def _step_or_what_is_missing(steps: Steps, stage: Stage, block: Block) -> Step | DocumentError:
    try:
        return steps.step(stage, block)
    except DocumentError as error:
        return error


def _excuse(steps: Steps, stage: Stage, block: Block, manifest: Manifest) -> tuple[str, bool]:
    """Return why a folder that does not follow is no fault, empty where it is one, and whether it is made again."""
    sequence = steps.paths.sequence
    if block != NO_SESSION and block not in sequence.of_day(block.day) and block not in sequence.lost:
        return "of a session that was skipped or dropped; it is made no more", False
    since = decided_since(steps, stage, block, manifest)
    return (f"{since}; `closedloop run {quoted(steps.paths.root)}` makes it again", True) if since else ("", False)


def _check_list(findings: Findings, steps: Steps, folder: Path) -> None:
    """Compare the manifest of the list of images, which no stage made, with what it is made from."""
    with findings.reading("inputs", folder):
        manifest = read_manifest(folder)
        if manifest.input_hash != pool_hash(steps.study):
            edited = "another input_hash than the study's images have"
        elif manifest.inputs:
            edited = "inputs, though it has none"
        elif not steps.study.simulated:  # the seed of a simulated study may change after it
            edited = steps.edited_identity(manifest, stage=INPUTS, block=NO_SESSION)
        else:
            edited = ""
        if edited:
            findings.fault("document", edited_line(folder, edited))


def _check_imported(findings: Findings, paths: StudyPaths) -> None:
    """Compare what was imported with the line of the amendments that says so."""
    with findings.reading("inputs", paths.imported):
        if (paths.imported / MANIFEST_NAME).is_file() and not is_imported(paths):
            findings.notes.append(f"{paths.imported}: no line of the amendments has it imported; it is not read.")
        if fault := imported_fault(paths):
            findings.fault("inputs", fault)


def _n_bytes(paths: StudyPaths, folders: list[Folder]) -> int:
    """Return how much there is to read, for the time that is left; what cannot be told now counts as nothing."""
    total = 0
    for _, _, folder in folders:
        try:
            total += sum(entry.n_bytes for entry in read_manifest(folder).outputs.values())
        except DocumentError:
            continue
    try:
        recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    except DocumentError:
        return total
    weights = weights_file(recorded.base_model)
    return total + recorded.n_bytes + (weights.stat().st_size if weights.is_file() else 0)
