"""`closedloop export nwb`: which sessions, their recordings as ingest read them, and what is told of each file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from closedloop.access.files import PublishedFiles, published_files
from closedloop.artifacts import catalog
from closedloop.artifacts.documents import validate
from closedloop.artifacts.records.metadata import Animal, ImplantedArray, StudyMetadata
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.commands.interrupts import interruptible
from closedloop.devices.device import Device
from closedloop.errors import DocumentError, OptionError, StudyError
from closedloop.exchange.nwb.exporting import (
    ExportFolder,
    SessionExport,
    export_session,
    made_from,
    whole_file,
)
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.writing import zarr_backend
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized, quoted
from closedloop.plain_text.yaml_text import read_yaml
from closedloop.stages.ingest.recording import read_day_devices
from closedloop.stages.ingest.sites import number_on_day_0
from closedloop.storage import resolved
from closedloop.study.no_study import no_study_line

_DOCUMENTED = "docs/nwb.md shows the file"


@dataclass(frozen=True)
class NwbRequest:
    """What `closedloop export nwb` was asked for.

    Attributes
    ----------
    study
        Its folder.
    day, number
        Which day, and which of its sessions; None for all.
    subject
        A file that tells of animal, arrays and people; None: the study's metadata.json.
    started
        When the recording began, where its files do not say; None: they do.
    truth
        Whether a simulation's hidden truth goes into the files.
    folder
        Where they are to lie.
    """

    study: Path
    day: int | None
    number: int | None
    subject: Path | None
    started: datetime | None
    truth: bool
    folder: ExportFolder


def parse_started(text: str, *, day: int | None) -> datetime:
    """Return a moment with its zone.

    Raises
    ------
    OptionError
        It is none, or no day is named that it is of.
    """
    if day is None:
        raise OptionError("--started: expected --day with it, found none. Name the day whose recording began then.")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise OptionError(
            f"--started: expected date, time and zone (2026-11-30T09:00:00+01:00), found {text:.40}. Correct it."
        )
    return found.astimezone(UTC)


def export_sessions(request: NwbRequest) -> Iterator[tuple[Block, SessionExport]]:
    """Export the sessions that are asked for, one after the other, and yield what became of each.

    Raises
    ------
    ClosedLoopError
        The study or its metadata are not there, or a file of it is missing or damaged.
    """
    if request.folder.zarr:
        zarr_backend()
    files = _open(request.study)
    metadata = metadata_of(files, request.subject)
    if request.truth and not files.study.simulated:
        raise OptionError(
            "--truth: expected a simulated study, found a real one: nobody knows its truth. Leave it out."
        )
    for block in sessions_of(files, request.day, request.number):
        seen = replace(files, paths=files.paths.at(block))
        session = ExportedSession(seen, block, (), metadata, truth=request.truth)
        key = made_from(session, request.folder)
        whole = whole_file(session, request.folder, key=key)
        yield block, whole if whole is not None else _export(session, request, key)


def _open(study: Path) -> PublishedFiles:
    root = resolved(study)
    if not (root / "study.json").is_file():
        raise StudyError(no_study_line(root))
    return published_files(root)


def _export(session: ExportedSession, request: NwbRequest, key: str) -> SessionExport:
    name = in_a_word(session.block)
    again = f"Stopped; {name} was not exported. Run the same command again: what is whole is kept."
    with interruptible(again), bar(f"{name}: NWB") as progress:
        whole = replace(session, devices=devices_of(session))
        return export_session(whole, request.folder, key=key, started=request.started, progress=progress)


def in_a_word(block: Block) -> str:
    """Return what a session is called: its day, and its number where the day has more."""
    return f"day {block.day}" + (f", session {block.number}" if block.number > 1 else "")


def sessions_of(files: PublishedFiles, day: int | None, number: int | None) -> tuple[Block, ...]:
    """Return the sessions to export: those that are ingested.

    Parameters
    ----------
    files
        The study.
    day, number
        Which; None for all.

    Raises
    ------
    StudyError
        There is none.
    """
    if day is not None:
        files.path(catalog.COUNTS, day)  # says what is missing
        if number is not None:
            files.seen_from(day, number).path(catalog.COUNTS, day)
    found = tuple(
        block
        for block in files.sessions_with(catalog.COUNTS)
        if (day is None or block.day == day) and (number is None or block.number == number)
    )
    if not found:
        raise StudyError(
            f"{files.paths.root}: expected a recorded session, found none yet. `closedloop run "
            f"{quoted(files.paths.root)}` says what it waits for."
        )
    return found


def devices_of(session: ExportedSession) -> tuple[Device, ...]:
    """Read a session's recording as ingest read it, without looking for the photodiode's edges again."""
    files, day = session.files, session.block.day
    wanted = files.protocol_of(day).recording
    first = files.read(catalog.SITES, FIRST.day) if session.block != FIRST else None
    return read_day_devices(
        files.paths.folder("recording", day),
        arrays=tuple(one.files for one in files.study.array_files),
        photodiode=None,
        bridge_ms=wanted.bridge_ms,
        count_noise_unit=wanted.count_noise_unit,
        session_id=session.document.session_id,
        simulated=session.simulated,
        numbered=number_on_day_0(first if first is not None else session.sites),
        recorder=files.study.recorder,
    )


def metadata_of(files: PublishedFiles, subject: Path | None) -> StudyMetadata:
    """Return what archives are told of animal, arrays and people.

    Parameters
    ----------
    files
        The study.
    subject
        A file that tells it; None: the study's own, or what is true of every simulation.

    Raises
    ------
    DocumentError
        Nothing tells it, or not enough.
    """
    paths, study = files.paths, files.study
    if subject is not None:
        plain = read_yaml(
            subject,
            missing="expected animal, arrays and people, found no file. Correct the path.",
            remedy=f"Correct it; {_DOCUMENTED}.",
        )
        content = {**plain, "simulated": study.simulated} if isinstance(plain, dict) else plain
        found = validate(StudyMetadata, content, place=str(subject))
    elif paths.metadata.is_file():
        found = StudyMetadata.read(paths.metadata)
    elif study.simulated:
        return _of_simulation(files)
    else:
        raise DocumentError(
            f"{paths.metadata}: expected species, sex, date of birth or age, region and hemisphere of each array, "
            f"experimenters and institution, found no such file. Write one, and give --subject FILE; {_DOCUMENTED}."
        )
    place = subject or paths.metadata
    if found.animal.date_of_birth is None and found.animal.age is None:
        raise DocumentError(f"{place}: animal: expected date_of_birth or age (P8Y), found neither. Add one.")
    if found.animal.subject_id != study.subject and not study.simulated:
        raise DocumentError(
            f"{place}: animal.subject_id: expected {study.subject} as in study.json, found {found.animal.subject_id}. "
            "Correct it."
        )
    return found


def _of_simulation(files: PublishedFiles) -> StudyMetadata:
    """Return what is told of a subject that is none: archives want something in every place."""
    n_arrays = max(len(files.study.arrays), _processors(files))
    names = [*files.study.arrays, *(f"array{number}" for number in range(len(files.study.arrays) + 1, n_arrays + 1))]
    return StudyMetadata(
        simulated=True,
        animal=Animal(subject_id=files.study.subject, species="Macaca mulatta", sex="U", age="P0D"),
        arrays=tuple(ImplantedArray(name=name, region="IT (simulated)", hemisphere="left") for name in names),
        experimenter=("closedloop, simulation",),
        institution="none: a simulation",
    )


def _processors(files: PublishedFiles) -> int:
    sessions = files.sessions_with(catalog.SITES)
    seen = replace(files, paths=files.paths.at(sessions[0])) if sessions else files
    return (
        max((site.processor for site in seen.read(catalog.SITES, sessions[0].day).sites), default=1) if sessions else 1
    )


def told(block: Block, done: SessionExport) -> Iterator[str]:
    """Yield what a person is told of a session's file.

    Parameters
    ----------
    block
        The session.
    done
        What became of it.
    """
    name, size = capitalized(in_a_word(block)), f"{done.n_bytes / 1e6:,.1f} MB"
    if done.assembled is None:
        yield f"{name}: {done.path} is there and whole ({size})"
        return
    held = done.assembled
    yield (
        f"{name}: {done.path} ({size}): {held.n_spikes:,} spikes, {held.n_trials:,} presentations, {held.n_images:,} "
        f"images; {f'{len(done.messages)} messages' if done.messages else 'inspected and validated without a message'}"
    )
    yield from (f"  left out: {one}" for one in held.left_out)
    yield from (f"  {one}" for one in done.messages)
