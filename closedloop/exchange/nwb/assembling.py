"""A session as an NWB file in memory, its large parts read when they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from pynwb import NWBFile
from pynwb.base import Images
from pynwb.file import Subject

from closedloop import __version__
from closedloop.artifacts.records.metadata import StudyMetadata
from closedloop.exchange.nwb.electrodes import add_electrodes, electrode_rows, units_of
from closedloop.exchange.nwb.naming import object_id, place_of, session_id, subject_id
from closedloop.exchange.nwb.pictures import images_of, index_series_of
from closedloop.exchange.nwb.results import clocks_of, counts_of, result_tables, source_files
from closedloop.exchange.nwb.session import SIMULATED, ExportedSession
from closedloop.exchange.nwb.signals import add_voltage, photodiode_series
from closedloop.exchange.nwb.tables import Storage
from closedloop.exchange.nwb.trials import fixation_trials_of, shown_rows, trials_of

_KEYWORDS = ("adversarial images", "inferior temporal cortex", "macaque", "multi-unit activity", "RSVP", "Utah array")
_OBJECT_ID = "_AbstractContainer__object_id"  # hdmf draws one at random and takes no other


@dataclass(frozen=True)
class AssembledFile:
    """A file that can be written, and what is not in it.

    Attributes
    ----------
    content
        The file.
    images
        Its images, all of them or the first.
    n_spikes, n_trials, n_images
        What it holds.
    left_out
        A sentence for everything of the session that has no place in it.
    marked
        What people left out of the study's fit or evaluation: it is there, and its column `left_out` says so.
    """

    content: NWBFile
    images: Images
    n_spikes: int
    n_trials: int
    n_images: int
    left_out: tuple[str, ...]
    marked: tuple[str, ...] = ()


def assemble(
    session: ExportedSession, started: datetime, *, identifier: str, voltage: bool, storage: Storage
) -> AssembledFile:
    """Put a session's file together.

    Parameters
    ----------
    session
        The session.
    started
        When its axis of time begins.
    identifier
        Of the file.
    voltage
        Whether the raw voltage goes into it.
    storage
        Where it goes.
    """
    file = _described(session, started, identifier)
    rows = electrode_rows(session)
    add_electrodes(file, session, rows)
    units = units_of(session, rows, file, storage)
    if units is not None:
        file.units = units.table
    trials = trials_of(session)
    file.trials = trials
    if (fixations := fixation_trials_of(session)) is not None:
        file.add_time_intervals(fixations)
    images = images_of(session, storage)
    file.add_stimulus_template(images)
    file.add_stimulus(index_series_of(session, images))
    for series in photodiode_series(session, storage):
        file.add_acquisition(series)
    if voltage:
        add_voltage(file, session, rows, storage)
    _add_results(file, session)
    _give_ids(file, identifier)
    return AssembledFile(
        file,
        images,
        units.n_spikes if units is not None else 0,
        len(trials.id),
        len(session.stimuli["stimulus_id"]),
        tuple(_left_out(session, units.n_unplaced if units is not None else 0)),
        session.said_of_left_out,
    )


def _described(session: ExportedSession, started: datetime, identifier: str) -> NWBFile:
    metadata, study, day = session.metadata, session.files.study, session.block.day
    mark = SIMULATED if session.simulated else ""
    protocol = session.files.protocol_of(day)
    return NWBFile(
        session_description=f"{mark}Day {day} of study {study.study_id}: rapid serial presentation of clean, attacked "
        f"and control images to a fixating {metadata.animal.species}; protocol {study.protocol_name}.",
        identifier=identifier,
        session_start_time=started,
        file_create_date=started,  # a file that is made again has the same bytes
        session_id=session_id(session),
        experimenter=list(metadata.experimenter),
        institution=metadata.institution,
        lab=metadata.lab,
        experiment_description=f"{mark}Closed-loop adversarial images: each day the smallest changes of images that a "
        f"model of the recorded sites expects to move them most are shown, and the model is fitted again. "
        f"{protocol.days} days, image changes of {', '.join(f'{one:g}' for one in protocol.attack.epsilons)} (L2, "
        "224 px).",
        keywords=[*_KEYWORDS, *(["simulation"] if session.simulated else [])],
        data_collection=_clock_words(session),
        notes=session.said_of_its_end,
        source_script=f"closedloop {__version__}",
        source_script_file_name="closedloop export nwb",
        subject=_subject(session, metadata),
    )


def _subject(session: ExportedSession, metadata: StudyMetadata) -> Subject:
    animal = metadata.animal
    born = animal.date_of_birth
    arrays = "; ".join(f"{one.name}: {one.region}, {one.hemisphere} hemisphere" for one in metadata.arrays)
    return Subject(
        subject_id=subject_id(session),
        species=animal.species,
        sex=animal.sex,
        age=animal.age,
        date_of_birth=datetime.combine(born, time(), tzinfo=UTC) if born is not None else None,
        description=f"{SIMULATED if session.simulated else ''}{animal.subject_id}; arrays: {arrays}",
    )


def _clock_words(session: ExportedSession) -> str:
    clock = session.clock
    own = clock.of_processor(clock.reference)
    before = f", which began {clock.begun_before_s:.6f} s after the file's time 0" if clock.begun_before_s else ""
    said = [f"Times are seconds by the clock of processor {clock.reference}{before}."]
    if len(own) > 1:
        said.append(
            f"It ran {len(own)} times; the table `clocks` says where each run lies. Pauses between them are those that "
            "another clock saw."
        )
    said += [
        f"Run {one.clock_segment + 1} of processor {one.processor} lies on it by {one.n_onsets} onsets that both saw, "
        f"which are {one.residual_ms:.3f} ms off the line (median)."
        for one in clock.pieces
        if one.processor != clock.reference
    ]
    return " ".join(said)


def _add_results(file: NWBFile, session: ExportedSession) -> None:
    ecephys = file.create_processing_module("ecephys", "spike counts of every presentation that is used")
    counts = counts_of(session)
    if counts is not None:
        ecephys.add(counts)
    misc = file.create_processing_module("misc", "sealed predictions, estimates, and what this file was made from")
    for table in result_tables(session):
        misc.add(table)
    misc.add(source_files(session))
    if (clocks := clocks_of(session)) is not None:
        misc.add(clocks)


def _left_out(session: ExportedSession, n_unplaced: int) -> Iterator[str]:
    n_unseen = len(session.onset_s) - len(shown_rows(session))
    if n_unseen:
        yield f"{n_unseen} presentations without a known onset, or never up"
    for processor, number in session.clock.unplaced:
        yield (
            f"run {number} of the clock of processor {processor}, of which nothing says when it was on the clock of "
            f"processor {session.clock.reference}"
        )
    if n_unplaced:
        yield f"{n_unplaced} spikes in it"


def _give_ids(container: Any, identifier: str) -> None:
    """Give every object of a file the id that follows from its place, so that the same file has the same bytes."""
    setattr(container, _OBJECT_ID, object_id(identifier, place_of(container)))
    for child in container.children:
        _give_ids(child, identifier)
