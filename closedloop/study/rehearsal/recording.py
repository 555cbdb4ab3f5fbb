"""The simulated array's files under the names, and with the endings, that the real recorder's will have."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL, SESSION, SESSION_IMAGES
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import RecordingError
from closedloop.simulation.array import record
from closedloop.simulation.session_clock import since_the_start
from closedloop.simulation.slow_files import write_slower
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext
from closedloop.stages.record import array_day
from closedloop.storage import make_folder, remove_folder, rename
from closedloop.study.completeness.wanted import wanted_files
from closedloop.study.rehearsal.names import file_stems, recording_name, recording_start

_RAW = ".ns6"


def record_rehearsed(context: StageContext, *, rig: RigDocument | None) -> None:
    """Write a day's recording as the real recorder will, and ask of it what is asked of a real one.

    Parameters
    ----------
    context
        Of the stage.
    rig
        Names recordings; None: by the usual names.

    Raises
    ------
    RecordingError
        A day with these files would not be taken over.
    """
    written = context.scratch / "array"
    remove_folder(written)
    make_folder(written)
    protocol, session = context.protocol, context.read(SESSION)
    day = array_day(
        session,
        since_the_start(context.read(JOURNAL)),
        images=context.path(SESSION_IMAGES),
        recording=protocol.recording,
        seed=context.seed("array"),
    )
    record(
        written,
        day,
        cortex=simulated_cortex(protocol, context.study),
        recording=protocol.recording,
        simulation=protocol.simulation,
        progress=context.progress,
    )
    pattern = rig.recorder.file if rig is not None else None
    name = recording_name(pattern, session_id=session.session_id, day=context.day)
    for number, stem in file_stems(context.study, name).items():
        if (written / f"array{number}.nev").is_file():  # an array of a third processor is not simulated
            _bring(context, written / f"array{number}", stem)
    _refuse_incomplete(context)
    remove_folder(written)


def _bring(context: StageContext, simulated: Path, stem: str) -> None:
    raw, wanted = simulated.with_suffix(_RAW), context.study.nsx
    for suffix in wanted:
        if suffix != _RAW:
            write_slower(raw, context.working / f"{stem}{suffix}", start=recording_start(context.day))
    rename(simulated.with_suffix(".nev"), context.working / f"{stem}.nev")
    if not wanted or _RAW in wanted or context.protocol.recording.spikes_from == "raw":
        rename(raw, context.working / f"{stem}{_RAW}")


def _refuse_incomplete(context: StageContext) -> None:
    files = sorted(path for path in context.working.iterdir() if path.is_file())
    protocol = read_protocol(context.paths.protocol)
    missing = wanted_files(context.paths, context.study, protocol, day=context.day).missing(files)
    if missing:
        raise RecordingError(
            f"{context.working}: expected files as a day of this study has them, found that {missing}. Correct arrays, "
            "files or recorder in a new study."
        )
