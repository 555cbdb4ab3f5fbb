"""The copy of a study that is rehearsed: marked as simulated everywhere, with a subject and sessions of its own."""

from __future__ import annotations

from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.rehearsal import Rehearsal
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.listed import FolderReading
from closedloop.storage import read_bytes, sha256_bytes, write_bytes
from closedloop.study.foresight.numbers import Asked, problems, refuse_problems
from closedloop.study.foresight.place import new_folder, refuse_place
from closedloop.study.inputs import are_recorded, compare_inputs, read_image_list, record_inputs
from closedloop.study.loop import read_identity
from closedloop.study.rehearsal.cut import Cuts, cut_protocol
from closedloop.study.trusted.code import find_references, recorded_codes

_ID_HEX_DIGITS = 8
_MOST_ARRAYS = 2


def copy_study(paths: StudyPaths, root: Path, cuts: Cuts) -> StudyPaths:
    """Make the copy, or find the one of the same cuts that is there.

    Images and base model stay where they are: the copy names them by their list and their hash, and reads them.

    Parameters
    ----------
    paths
        The study of an animal; it is only read.
    root
        Where the copy goes.
    cuts
        What of it is rehearsed.

    Raises
    ------
    StudyError
        The study is a simulated one, has no list of its images, or something else is where the copy goes.
    OptionError
        The cuts leave no day.
    ClosedLoopError
        Images or base model are no longer what they were.
    """
    study, protocol = read_identity(paths)
    if study.simulated:
        raise StudyError(
            f"{paths.root}: expected a study of an animal, found a simulated one, whose days are rehearsals already. "
            f"Run it by `closedloop run {quoted(paths.root)}`."
        )
    if not are_recorded(paths):
        raise StudyError(
            f"{paths.root}: expected a study with a list of its images, found none. `closedloop run "
            f"{quoted(paths.root)}` makes it."
        )
    subject = rehearsed_subject(study)
    cut = cut_protocol(
        read_bytes(paths.protocol),
        protocol,
        cuts,
        place=str(paths.protocol),
        subject=subject,
        n_arrays=n_arrays_of(study),
    )
    settings = Rehearsal(
        simulated=True,
        study=str(paths.root),
        study_id=study.study_id,
        protocol_sha256=protocol_sha256(protocol),
        days=cut.protocol.days,
        changes=cut.changes,
    )
    copied = StudyPaths(root)
    if copied.rehearsal.is_file():
        _refuse_other(copied, settings)
        return copied
    refuse_place(root)
    document = _document(study, cut.protocol, subject)
    asked = Asked(cut.protocol, subject, simulated=True, n_arrays=len(document.arrays) or 1, n_days=cut.protocol.days)
    refuse_problems(problems(asked), place=f"{paths.protocol} as it is cut")
    compare_inputs(paths, study)
    with new_folder(root) as building:
        made = StudyPaths(building)
        reading = FolderReading(images=read_image_list(paths), faults={}, shorter_side_px={})
        record_inputs(
            made,
            document,
            cut.protocol,
            recorded="init",
            reading=reading,
            code=recorded_codes(paths),
            references=find_references(cut.protocol, beside=paths.root),
        )
        _refuse_other_base_model(paths, made)
        write_bytes(made.protocol, cut.content)
        settings.write(made.rehearsal)
        document.write(made.study)
    return copied


def rehearsed_subject(study: StudyDocument) -> str:
    """Return what the copy calls its simulated animal."""
    return f"{study.subject} (rehearsal)"


def n_arrays_of(study: StudyDocument) -> int:
    """Return how many arrays, or devices of another maker, a study has."""
    return max(len(study.arrays), len(study.recorder.devices) if study.recorder else 0, 1)


def _document(study: StudyDocument, protocol: Protocol, subject: str) -> StudyDocument:
    """Return the copy's identity; the simulated array writes Blackrock's files, of two processors at most."""
    named = f"{subject}|rehearsal of {study.study_id}|{protocol_sha256(protocol)}"
    other_maker = study.recorder is not None
    devices = tuple(f"array{number}" for number in range(1, min(n_arrays_of(study), _MOST_ARRAYS) + 1))
    return StudyDocument(
        simulated=True,
        study_id=sha256_bytes(named.encode())[:_ID_HEX_DIGITS],
        subject=subject,
        protocol_name=protocol.name,
        protocol_sha256=protocol_sha256(protocol),
        code_version=__version__,
        rounds=protocol.rounds,
        arrays=devices if other_maker else study.arrays[:_MOST_ARRAYS],
        array_files=study.array_files[:_MOST_ARRAYS],
        recorder=None,
        nsx=study.nsx,
        pool=study.pool,
        base_model=study.base_model,
    )


def _refuse_other(paths: StudyPaths, settings: Rehearsal) -> None:
    there = Rehearsal.read(paths.rehearsal)
    if there.model_copy(update={"parts": (), "stages": ()}) != settings:
        raise StudyError(
            f"{paths.root}: expected no rehearsal, or one of the same study with the same cuts, found another. Choose "
            "another --out."
        )


def _refuse_other_base_model(paths: StudyPaths, made: StudyPaths) -> None:
    was, now = (STUDY_INPUTS.read(STUDY_INPUTS.published(one, 0)).base_model_sha256 for one in (paths, made))
    if was != now:
        raise StudyError(
            f"{paths.inputs}: expected the base model that the study began with, found other bytes. Restore it from a "
            "copy."
        )
