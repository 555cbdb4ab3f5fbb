"""Opens a launch in the journal and runs the machine until every planned presentation was accepted, or a stop."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from closedloop.artifacts.day.journal_rows import LaunchOpened
from rig.machine.apparatus import Apparatus
from rig.machine.between.recordings import RecordingPlan
from rig.machine.course import Course, SameTrials
from rig.machine.notebook import Notebook
from rig.machine.runner import SessionRunner
from rig.machine.state import SessionState
from rig.session.folder import Session
from rig.session.gaze_writer import GazeWriter
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

SessionOutcome = Literal["complete", "stopped"]


@dataclass(frozen=True)
class LaunchFacts:
    """What the journal says of a launch that no port knows.

    Attributes
    ----------
    rig, rig_sha256
        Name of the rig, and its description as it was read.
    overrides
        Checks that the operator overrode.
    recorder
        Who records.
    recording
        How; None where nobody is told.
    boot_id
        Of the computer.
    plan_sha256
        Which plan is shown.
    is_rehearsal, is_training
        Whether it is one.
    was_cut
        The launch before this one was cut by a power cut: what it wrote last may be lost, so that the numbers of one
        trial are left out.
    """

    rig: str | None = None
    rig_sha256: str | None = None
    overrides: tuple[str, ...] = ()
    recorder: str | None = None
    recording: RecordingPlan | None = None
    boot_id: str | None = None
    plan_sha256: str | None = None
    is_rehearsal: bool = False
    is_training: bool = False
    was_cut: bool = False


class Presenter:
    """Shows a session.

    Parameters
    ----------
    session
        What to show.
    apparatus
        With what.
    journal
        Where every event goes.
    gaze
        Where gaze samples are kept; None where they are not.
    state
        Where to begin: `rig.machine.state.fresh_state`, or `rig.machine.state.replay` of an older journal.
    n_launches
        How often the session was launched before.
    stop
        Where a stop is asked for.
    after_trial
        Called with the state and the time between trials, for a progress display.
    facts
        What else the journal is to say of this launch.
    course
        What each trial asks of the animal; None: what session.json says.
    """

    def __init__(
        self,
        *,
        session: Session,
        apparatus: Apparatus,
        journal: JournalWriter,
        gaze: GazeWriter | None = None,
        state: SessionState,
        n_launches: int,
        stop: StopRequest,
        after_trial: Callable[[SessionState, float], None],
        facts: LaunchFacts | None = None,
        course: Course | None = None,
    ) -> None:
        self._session, self._apparatus, self._state = session, apparatus, state
        self._n_launches, self._facts = n_launches, facts or LaunchFacts()
        self._notebook = Notebook(journal, apparatus.display, gaze)
        self._runner = SessionRunner(
            session=session,
            apparatus=apparatus,
            notebook=self._notebook,
            state=state,
            course=course or SameTrials(session.document.trial),
            stop=stop,
            after_trial=after_trial,
            recording=self._facts.recording,
        )

    def run(self) -> SessionOutcome:
        """Show everything that is left, or until a stop.

        Raises
        ------
        SessionError
            The display drops frames again and again; or a device failed, and nobody is there to mend it.
        StorageError
            The disk is full.
        """
        if self._facts.was_cut:
            self._state.leave_out_a_trial(self._session.document.trial.presentations_per_trial)
        self._open_launch()
        self._runner.run()
        return "stopped" if self._state.queue else "complete"

    def _open_launch(self) -> None:
        document, display, facts = self._session.document, self._apparatus.display, self._facts
        row = LaunchOpened(
            segment=self._n_launches,
            session_id=document.session_id,
            simulated=document.simulated,
            display=display.name,
            clock=display.clock_kind,
            refresh_hz=display.refresh_hz,
            first_ordinal=self._state.next_ordinal,
            first_trial=self._state.next_trial,
            time_s=display.now_s(),
            utc=display.utc(),
            pacing=display.facts.pacing,
            gaze=self._apparatus.gaze.name,
            codes=self._apparatus.codes.transport,
            reward=self._apparatus.reward.name,
            renderer=display.facts.renderer,
            gamma=display.facts.gamma,
            frame_counter=display.facts.frame_counter,
            versions=_versions() | display.facts.versions,
            overrides=facts.overrides,
            rig=facts.rig,
            rig_sha256=facts.rig_sha256,
            recorder=facts.recorder,
            boot_id=facts.boot_id,
            plan_sha256=facts.plan_sha256,
            is_rehearsal=facts.is_rehearsal,
            is_training=facts.is_training,
        )
        self._notebook.write(row)
        self._state.order.open_launch(row)
        self._notebook.sync()


def _versions() -> dict[str, str]:
    return {"rig": version("closedloop"), "python": platform.python_version()}
