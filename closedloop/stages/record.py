"""Record: in a simulated study, the array's files of the presented session. In a real one a person brings them."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.confined.npy import map_npy
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.recording import raw_electrodes_on


def run(context: StageContext) -> None:
    """Write array1.nev and array1.ns6, and array2's where the recorder has two processors."""
    record_session(context, context.working)


def record_session(context: StageContext, folder: Path) -> None:
    """Write the simulated array's files of the day's session into a folder.

    Parameters
    ----------
    context
        Of the stage.
    folder
        Where they go; there already.
    """
    protocol = context.protocol
    session = context.read(catalog.SESSION)
    day = ArrayDay(
        day=context.day,
        session_id=session.session_id,
        journal=context.read(catalog.JOURNAL),
        images=map_npy(context.path(catalog.SESSION_IMAGES)),
        refresh_hz=session.screen.refresh_hz,
        raw_electrodes=raw_electrodes_on(protocol.recording, context.day),
        seed=context.seed("array"),
    )
    record(
        folder,
        day,
        cortex=simulated_cortex(protocol, context.study),
        recording=protocol.recording,
        simulation=protocol.simulation,
        progress=context.progress,
    )
