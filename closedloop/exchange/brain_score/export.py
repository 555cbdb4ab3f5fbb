"""`closedloop export brainscore`: the folder, made whole beside its place and then put there."""

from __future__ import annotations

from pathlib import Path

from closedloop import __version__
from closedloop.access.study import Study
from closedloop.artifacts.commands.exported_responses import ExportedAssemblyDocument
from closedloop.errors import DocumentError, StorageError, StudyError
from closedloop.exchange.brain_score.assembly import assembly_of, bin_edges_ms
from closedloop.exchange.brain_score.stimulus_set import stimulus_csv, stimulus_rows, write_stimulus_zip
from closedloop.exchange.responses.gathered import (
    StudyResponses,
    described_sessions,
    described_study,
    gather_responses,
)
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import (
    folder_held_alone,
    make_folder,
    open_new,
    publish_folder,
    remove_folder,
    sha256_file,
    write_bytes,
)
from closedloop.storage.places import refuse_no_folder

DOCUMENT_NAME, ASSEMBLY_NAME = "export.json", "assembly.nc"
STIMULI_NAME, IMAGES_NAME = "stimulus_set.csv", "stimulus_set.zip"
_WORKING = "whole"


def check_assembly_folder(out: Path, *, study_id: str) -> None:
    """Refuse a folder that is there and no earlier export of a study, and nothing else: it is replaced as a whole.

    Parameters
    ----------
    out
        The folder.
    study_id
        The study's.

    Raises
    ------
    StorageError
        It is.
    """
    refuse_no_folder(out)
    if not out.exists():
        return
    if not (out / DOCUMENT_NAME).is_file():
        raise StorageError(f"{out}: expected no folder or one of this command, found another. Choose another --out.")
    try:
        before = ExportedAssemblyDocument.read(out / DOCUMENT_NAME)
    except DocumentError as error:
        raise StorageError(f"{error} It is no export that could be replaced: choose another --out.") from None
    if before.study.study_id != study_id:
        raise StorageError(
            f"{out}: expected no folder or an earlier export of this study, found one of {before.study.subject}. "
            "Choose another --out."
        )
    if others := sorted({one.name for one in out.iterdir()} - {DOCUMENT_NAME, *before.files}):
        raise StorageError(
            f"{out}: expected an earlier export alone, which is replaced as a whole, found {others[0]} beside it. Take "
            "out what is to stay (unpacked images can go), or choose another --out."
        )


def export_assembly(study: Study, out: Path, *, day: int | None = None, progress: ProgressCallback) -> list[str]:
    """Write stimulus set, assembly and document; return what to tell the user.

    Made again of the same study, the files have the same bytes.

    Parameters
    ----------
    study
        A study.
    out
        Folder to create; an earlier export is replaced.
    day
        One day; all that are recorded, if None.
    progress
        Called with (images written, all images).

    Raises
    ------
    StudyError
        No such day is recorded, or none of its presentations counts.
    StorageError
        The disk is full.
    """
    held = out.with_name(f".{out.name}.partial")
    at_work = f"{out}: expected no other command that writes it, found one at work. Wait for its end."
    with folder_held_alone(held, refusal=StorageError(at_work)):
        lines = _export(study, out, held / _WORKING, day=day, progress=progress)
    remove_folder(held)
    return lines


def _export(study: Study, out: Path, working: Path, *, day: int | None, progress: ProgressCallback) -> list[str]:
    found = gather_responses(study, day)
    shown = found.presentations["used"]
    if not shown.any():
        raise StudyError(
            f"{study.path}: expected presentations that count, found none among {len(shown):,}. Name another --day."
        )
    remove_folder(working)
    make_folder(working)
    identifier = f"{study.subject}.{study.protocol.name}"
    rows = stimulus_rows({name: values[shown] for name, values in found.presentations.items()})
    write_bytes(working / STIMULI_NAME, stimulus_csv(rows))
    with open_new(working / IMAGES_NAME) as stream:
        write_stimulus_zip(stream, found.sessions, [row["stimulus_id"] for row in rows], progress=progress)
    content, n_presentations, n_neuroids = assembly_of(found, attributes=_attributes(study, found, identifier))
    write_bytes(working / ASSEMBLY_NAME, content)
    document = ExportedAssemblyDocument(
        simulated=study.simulated,
        closedloop_version=__version__,
        study=described_study(found, study),
        unit="spikes",
        n_presentations=n_presentations,
        n_neuroids=n_neuroids,
        n_stimuli=len(rows),
        bin_edges_ms=bin_edges_ms(found.window_ms),
        sessions=described_sessions(found.sessions),
        files={name: sha256_file(working / name) for name in (STIMULI_NAME, IMAGES_NAME, ASSEMBLY_NAME)},
    )
    document.write(working / DOCUMENT_NAME)
    publish_folder(working, out)
    return _told(out, document)


def _attributes(study: Study, found: StudyResponses, identifier: str) -> dict[str, str | int | float]:
    return {
        "identifier": identifier,
        "stimulus_set_identifier": identifier,
        "simulated": int(study.simulated),
        "units": "spikes",
        "window_start_ms": found.window_ms[0],
        "window_stop_ms": found.window_ms[1],
        "source": f"closedloop {__version__}: threshold crossings in bins after the onset on the screen",
    }


def _told(out: Path, document: ExportedAssemblyDocument) -> list[str]:
    kind = "SIMULATED recording" if document.simulated else "recording"
    start, stop = document.study.window_ms
    left_out = dict.fromkeys(line for one in document.sessions for line in one.left_out)
    return [
        f"{out / ASSEMBLY_NAME}: {kind} of {document.study.subject}: {document.n_presentations:,} presentations x "
        f"{document.n_neuroids} neuroids x {len(document.bin_edges_ms) - 1} bins; those from {start:g} to {stop:g} ms "
        "add up to the study's responses.",
        *(f"Left out by people, and marked: {line}" for line in left_out),
        f"{out / STIMULI_NAME}: {document.n_stimuli:,} stimuli; unpack {IMAGES_NAME} and open both by "
        "StimulusSet.from_files and StimulusMergeAssemblyLoader of brainscore-core.",
    ]
