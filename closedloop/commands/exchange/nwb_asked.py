"""What `closedloop export nwb` is asked for, and what of it cannot be: told before anything of NWB is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from closedloop.access.files import PublishedFiles, published_files
from closedloop.artifacts import catalog
from closedloop.artifacts.records.metadata import (
    Animal,
    ImplantedArray,
    StudyMetadata,
    read_told,
    refuse_too_little,
)
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import DocumentError, OptionError, StudyError
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.plain_text.printed import quoted
from closedloop.storage import resolved
from closedloop.study.no_study import no_study_line

_DOCUMENTED = "docs/nwb.md shows the file"


@dataclass(frozen=True)
class NwbRequest:
    """What is to be exported.

    Attributes
    ----------
    sessions
        Of the study, without their recordings.
    out
        Where the files are to lie.
    started
        When the recording began, where its files do not say; None: they do.
    voltage, zarr
        Whether raw voltage goes into the files, and whether they are Zarr stores.
    """

    sessions: tuple[ExportedSession, ...]
    out: Path
    started: datetime | None
    voltage: bool
    zarr: bool


def check_request(
    study: Path,
    *,
    day: int | None = None,
    number: int | None = None,
    out: Path | None = None,
    subject: Path | None = None,
    started: str | None = None,
    voltage: bool = False,
    truth: bool = False,
    zarr: bool = False,
) -> NwbRequest:
    """Refuse what cannot be exported, and return what is to be.

    Parameters
    ----------
    study
        Its folder.
    day, number
        Which day, and which of its sessions; None for all.
    out
        Where the files go; None: beside the study.
    subject
        A file that tells of animal, arrays and people; None: the study's metadata.json.
    started, voltage, truth, zarr
        As the command has them.

    Raises
    ------
    OptionError
        An option does not fit the others, or the study.
    StudyError
        There is no study, or no such session.
    DocumentError
        Not enough is told of animal, arrays and people.
    """
    if number is not None and day is None:
        raise OptionError("--session: expected --day with it, found none. Name the day whose session it is.")
    moment = _parse_started(started, day=day) if started is not None else None
    root = resolved(study)
    if not (root / "study.json").is_file():
        raise StudyError(no_study_line(root))
    files = published_files(root)
    if truth and not files.study.simulated:
        raise OptionError(
            "--truth: expected a simulated study, found a real one: nobody knows its truth. Leave it out."
        )
    metadata = metadata_of(files, subject)
    sessions = tuple(
        ExportedSession(replace(files, paths=files.paths.at(block)), block, (), metadata, truth=truth)
        for block in sessions_of(files, day, number)
    )
    for session in sessions:
        for processor in sorted({site.processor for site in session.sites.sites}):
            session.array_of(processor)
    place = resolved(out) if out is not None else root.with_name(f"{root.name}-nwb")
    return NwbRequest(sessions, place, moment, voltage, zarr)


def _parse_started(text: str, *, day: int | None) -> datetime:
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
        return read_told(subject, subject=study.subject, simulated=study.simulated)
    if paths.metadata.is_file():
        found = StudyMetadata.read(paths.metadata)
        refuse_too_little(found, place=paths.metadata)
        return found
    if study.simulated:
        return _of_simulation(files)
    raise DocumentError(
        f"{paths.metadata}: expected species, sex, date of birth or age, region and hemisphere of each array, "
        f"experimenters and institution, found no such file. Write one, and give --subject FILE; {_DOCUMENTED}."
    )


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
