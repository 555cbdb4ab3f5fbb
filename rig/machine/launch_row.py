"""The first row of a launch: with what a session was shown, so that a journal can be judged without the rig."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version

from closedloop.artifacts.day.journal_rows import LaunchOpened
from rig.machine.state import SessionState
from rig.machine.trial import Apparatus
from rig.session.folder import Session


@dataclass(frozen=True)
class LaunchNotes:
    """What a launch is noted with that neither session nor ports know.

    Attributes
    ----------
    segment
        How often the session was launched before.
    rig, rig_sha256
        Name of the rig and hash of its description; None where it had none.
    plan_sha256
        Of the session folder's manifest.
    boot_id
        Of the computer; None where the system has none.
    overrides
        Names of the checks that the operator overrode.
    is_rehearsal
        Whether a script stood for the animal on the real rig.
    """

    segment: int = 0
    rig: str | None = None
    rig_sha256: str | None = None
    plan_sha256: str | None = None
    boot_id: str | None = None
    overrides: tuple[str, ...] = ()
    is_rehearsal: bool = False


def launch_row(session: Session, apparatus: Apparatus, state: SessionState, notes: LaunchNotes) -> LaunchOpened:
    """Return the row of a launch that begins now.

    Parameters
    ----------
    session
        What is shown.
    apparatus
        With what.
    state
        Where it begins.
    notes
        What else is noted.
    """
    document, display = session.document, apparatus.display
    return LaunchOpened(
        segment=notes.segment,
        session_id=document.session_id,
        simulated=document.simulated,
        display=display.name,
        clock=display.clock_kind,
        refresh_hz=display.refresh_hz,
        first_ordinal=state.next_ordinal,
        first_trial=state.next_trial,
        time_s=display.now_s(),
        utc=display.utc(),
        pacing=display.facts.pacing,
        gaze=apparatus.gaze.name,
        codes=apparatus.codes.transport,
        versions={"rig": version("closedloop"), "python": platform.python_version()} | display.facts.versions,
        overrides=notes.overrides,
        rig=notes.rig,
        rig_sha256=notes.rig_sha256,
        reward=apparatus.reward.name,
        recorder=apparatus.recorder.name,
        renderer=display.facts.renderer,
        gamma=display.facts.gamma,
        frame_counter=display.facts.frame_counter,
        boot_id=notes.boot_id,
        plan_sha256=notes.plan_sha256,
        is_rehearsal=notes.is_rehearsal,
    )
