"""`closedloop export responses`: the files, and the document that says what is in them."""

from __future__ import annotations

from closedloop import __version__
from closedloop.access.study import Study
from closedloop.artifacts.commands.exported_responses import ExportedColumn, ExportedResponsesDocument
from closedloop.artifacts.layouts import Column
from closedloop.exchange.responses.gathered import (
    PRESENTATION_COLUMNS,
    SITE_COLUMNS,
    StudyResponses,
    described_sessions,
    described_study,
    gather_responses,
)
from closedloop.exchange.responses.places import ResponsesFiles
from closedloop.exchange.responses.tables import write_tables
from closedloop.storage import make_folder, sha256_file, write_bytes


def export_responses(study: Study, files: ResponsesFiles, *, day: int | None = None) -> list[str]:
    """Write responses, sites and document; return what to tell the user.

    Made again of the same study, the files have the same bytes.

    Parameters
    ----------
    study
        A study.
    files
        Where to.
    day
        One day; all that are recorded, if None.

    Raises
    ------
    StudyError
        No such day is recorded.
    StorageError
        The disk is full.
    """
    found = gather_responses(study, day)
    document = ExportedResponsesDocument(
        simulated=study.simulated,
        closedloop_version=__version__,
        study=described_study(found, study),
        format=files.format,
        unit="spikes",
        sites=found.sites,
        sessions=described_sessions(found.sessions),
        columns={name: _described(column) for name, column in PRESENTATION_COLUMNS.items()},
        site_columns={name: _described(column) for name, column in SITE_COLUMNS.items()},
        files={},
    )
    make_folder(files.folder)
    _write(files, found, document)
    written = {path.name: sha256_file(path) for path in (files.responses, files.sites) if path is not None}
    document.model_copy(update={"files": written}).write(files.document)
    return _told(files, found, document)


def _write(files: ResponsesFiles, found: StudyResponses, document: ExportedResponsesDocument) -> None:
    said = _attributes(document)
    if files.sites is None:
        from closedloop.exchange.responses.netcdf import netcdf_of  # noqa: PLC0415 - xarray, where it is wanted

        window = {"window_start_ms": found.window_ms[0], "window_stop_ms": found.window_ms[1]}
        marks: dict[str, str | int | float] = {**said, **window, "simulated": int(document.simulated)}
        write_bytes(files.responses, netcdf_of(found, attributes=marks))
        return
    write_tables(
        files.responses,
        files.sites,
        found,
        as_text=files.format == "csv",
        simulated=document.simulated,
        attributes=said,
    )


def _attributes(document: ExportedResponsesDocument) -> dict[str, str]:
    """Return what the file itself says of the whole."""
    study = document.study
    kind = "SIMULATED responses, no animal's" if document.simulated else "Recorded responses"
    return {
        "title": f"{kind}: {study.subject}, protocol {study.protocol_name}",
        "subject": study.subject,
        "study_id": study.study_id,
        "protocol": study.protocol_name,
        "unit": document.unit,
        "window_ms": f"{study.window_ms[0]:g} to {study.window_ms[1]:g} after the onset, half-open",
        "source": f"closedloop {document.closedloop_version}, responses.h5 of each session",
    }


def _described(column: Column) -> ExportedColumn:
    return ExportedColumn(type=column.dtype, unit=column.unit, meaning=column.meaning)


def _left_out(document: ExportedResponsesDocument) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for one in document.sessions for line in one.left_out))


def _told(files: ResponsesFiles, found: StudyResponses, document: ExportedResponsesDocument) -> list[str]:
    kind = "SIMULATED responses" if document.simulated else "responses"
    days = list(dict.fromkeys(session.day for session in found.sessions))
    of_days = f"day{'s' if len(days) > 1 else ''} {', '.join(map(str, days))}"
    n_used = sum(session.n_used for session in document.sessions)
    return [
        f"{files.responses}: {kind} of {document.study.subject}, {of_days}: {len(found.counts):,} presentations "
        f"({n_used:,} count) x {len(found.sites)} sites, spikes from {found.window_ms[0]:g} to "
        f"{found.window_ms[1]:g} ms.",
        *(f"Left out by people, and marked: {line}" for line in _left_out(document)),
        f"{files.document} says what each column is.",
    ]
