"""Everything that happens between trials and is no part of the machine's table."""

from __future__ import annotations

from rig.machine.apparatus import Apparatus, Devices
from rig.machine.between.clocks import ClockLog
from rig.machine.between.recordings import RecordingPlan, Recordings
from rig.machine.notebook import Notebook
from rig.machine.state import SessionState
from rig.ports.recorders.port import Idle


class BetweenTrials:
    """Clocks and recordings, while no image can be up.

    Parameters
    ----------
    apparatus
        Whose clocks and recorder.
    recording
        How it is recorded; None where nobody is told.
    devices
        Keeps what fails.
    notebook
        Where rows go.
    state
        What is known of the session.
    idle
        Shows grey while a recorder is waited for.
    """

    def __init__(
        self,
        apparatus: Apparatus,
        recording: RecordingPlan | None,
        *,
        devices: Devices,
        notebook: Notebook,
        state: SessionState,
        idle: Idle,
    ) -> None:
        self._state = state
        self._clocks = ClockLog(apparatus.clocks, notebook=notebook, devices=devices)
        self._recordings = Recordings(
            apparatus.recorder,
            recording,
            notebook=notebook,
            devices=devices,
            order=state.order,
            idle=idle,
            tell=apparatus.tell,
        )

    def begin(self) -> str:
        """Begin, and return what the operator has to do before the first trial; empty where nothing has to be done."""
        self._clocks.compare()
        return self._recordings.begin(self._state.next_ordinal)

    def recorded_until_s(self) -> float | None:
        """Return up to when all that was shown is known to be recorded; None where nobody can know."""
        return self._recordings.recorded_until_s()

    def after_trial(self) -> None:
        """Compare clocks and look at the recording, each where its time has come."""
        self._clocks.compare_if_due()
        self._recordings.after_trial(self._state.next_ordinal, n_left=len(self._state.queue))

    def go_on(self) -> None:
        """Record again, where nothing is recorded any more: a pause is over."""
        self._recordings.go_on(self._state.next_ordinal)

    def end(self) -> None:
        """Compare once more, and end the recording."""
        self._clocks.compare()
        self._recordings.end()
