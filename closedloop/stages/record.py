"""Record: in a simulated study, the array's files of the presented session. In a real one a person brings them."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.session import SessionDocument
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext


def run(context: StageContext) -> None:
    """Write array1.nev and array1.ns6."""
    session_folder = context.published("schedule")
    session = SessionDocument.read(session_folder / "session.json")
    recording = context.protocol.recording
    raw = context.day in recording.raw_days
    day = ArrayDay(
        day=context.day,
        session_id=session.session_id,
        journal=read_journal(context.published("present") / "journal.jsonl"),
        images=np.load(session_folder / "images.npy", mmap_mode="r"),
        refresh_hz=session.screen.refresh_hz,
        raw_electrodes=tuple(range(1, recording.raw_electrodes + 1)) if raw else (),
        seed=context.seed("array"),
    )
    record(
        context.working,
        day,
        cortex=simulated_cortex(context.protocol, context.study),
        recording=recording,
        simulation=context.protocol.simulation,
        progress=context.progress,
    )
