"""Record: in a simulated study, the array's files of the presented session. In a real one a person brings them."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.protocol.session import Recording
from closedloop.confined.npy import map_npy
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.recording import raw_electrodes_on


def run(context: StageContext) -> None:
    """Write array1.nev and array1.ns6, and array2's where the recorder has two processors."""
    protocol = context.protocol
    day = array_day(
        context.read(catalog.SESSION),
        context.read(catalog.JOURNAL),
        images=context.path(catalog.SESSION_IMAGES),
        recording=protocol.recording,
        seed=context.seed("array"),
    )
    record(
        context.working,
        day,
        cortex=simulated_cortex(protocol, context.study),
        recording=protocol.recording,
        simulation=protocol.simulation,
        progress=context.progress,
    )


def array_day(session: SessionDocument, journal: Journal, *, images: Path, recording: Recording, seed: int) -> ArrayDay:
    """Return what the simulated array records of a session.

    Parameters
    ----------
    session, journal
        What was planned, and what was shown, in seconds since the session began.
    images
        File of the session's images.
    recording
        The protocol's section: on which days voltage is written.
    seed
        Of the day's noise.
    """
    return ArrayDay(
        day=session.day,
        session_id=session.session_id,
        journal=journal,
        images=map_npy(images),
        refresh_hz=session.screen.refresh_hz,
        raw_electrodes=raw_electrodes_on(recording, session.day),
        seed=seed,
    )
