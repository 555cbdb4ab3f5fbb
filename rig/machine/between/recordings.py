"""The recordings of a launch: begun, split between trials, begun anew after a loss, ended; each is in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from closedloop.artifacts.day.journal_rows import RecordingNoted, RecordingSeenBy
from closedloop.artifacts.day.presented.order import PresentationOrder
from closedloop.errors import DeviceError
from rig.machine.apparatus import Devices
from rig.machine.device_faults import device_fault
from rig.machine.notebook import Notebook
from rig.ports.recorders.names import Names
from rig.ports.recorders.port import AskedRecorder, Idle, Recorder, RecordingSeen, Take

_AFTERWARDS_S: Final = 0.5
_SPARE_S: Final = 0.01  # beyond what is needed: two clocks are read one after the other


@dataclass(frozen=True)
class RecordingPlan:
    """How a launch is recorded.

    Attributes
    ----------
    names
        What its files are called.
    split_minutes, split_presentations
        A new file after so much; None: never for that.
    begun
        What showed that the first recording began, where it did before the journal's first row.
    """

    names: Names
    split_minutes: float | None = None
    split_presentations: int | None = None
    begun: RecordingSeen | None = None


class Recordings:
    """Has a recorder record, a file at a time; its failures are kept with those of the other devices.

    What was accepted is known to be recorded before a recording is stopped, and before a session is over; what is not
    is shown again (`artifacts.day.presented.unrecorded`).

    Parameters
    ----------
    recorder
        Who records.
    plan
        How; None where nobody is told.
    notebook
        Where what was recorded is noted.
    devices
        Keeps failures.
    order
        Takes back what turns out not to be recorded.
    idle
        Shows grey while a recorder is waited for.
    tell
        Says a line to the operator.
    """

    def __init__(
        self,
        recorder: Recorder,
        plan: RecordingPlan | None,
        *,
        notebook: Notebook,
        devices: Devices,
        order: PresentationOrder,
        idle: Idle,
        tell: Callable[[str], None],
    ) -> None:
        self._recorder, self._plan = recorder, plan if recorder.is_told else None
        self._notebook, self._devices, self._idle, self._tell = notebook, devices, idle, tell
        self._order = order
        self._noted: tuple[Take, str] | None = None
        self._asked: Take | None = None
        self._n_parts, self._begun_s, self._first = 0, 0.0, 0

    def begin(self, n_shown: int) -> str:
        """Begin, and return what the operator has to do before that; empty where nothing has to be done.

        Parameters
        ----------
        n_shown
            Presentations begun so far in the session.
        """
        self._first = n_shown
        plan, take = self._plan, self._recorder.take
        if plan is not None and take is not None and plan.begun is not None:
            self._note_begun(take, plan.begun)
        return self._question()

    def _question(self) -> str:
        if self._plan is None or self._recorder.take is not None or not isinstance(self._recorder, AskedRecorder):
            return ""
        self._asked = self._next_take(self._plan)
        return self._recorder.question(self._asked)

    def _next_take(self, plan: RecordingPlan) -> Take:
        return plan.names.take(self._n_parts + 1, datetime.now())

    def go_on(self, n_shown: int) -> None:
        """Record into a new file where nothing is recorded any more: the operator has continued.

        Parameters
        ----------
        n_shown
            Presentations begun so far in the session.
        """
        if self._plan is None or self._recorder.take is not None:
            return
        self._note_lost()
        take, self._first = self._asked or self._next_take(self._plan), n_shown
        try:
            seen = self._recorder.start(take, self._idle)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._devices.note(device_fault("recorder", error))
            return
        self._asked = None
        self._note_begun(take, seen)
        if seen.doubt:
            self._tell(seen.doubt)

    def recorded_until_s(self) -> float | None:
        """Return up to when the recording is known to have been on; None where none is, or nobody can know."""
        now_s = self._notebook.now_s()
        ago_s = self._recorder.known_ago_s() if self._noted is not None else None
        return None if ago_s is None else max(self._begun_s, now_s - ago_s)

    def after_trial(self, n_shown: int, *, n_left: int) -> None:
        """Look whether it still records, and begin a new file where the plan says so.

        Parameters
        ----------
        n_shown, n_left
            Presentations begun so far in the session, and those still to be shown: for none no file is begun, but the
            last ones have to be known to be recorded.
        """
        if self._plan is None or self._noted is None:
            return
        try:
            self._recorder.look()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._devices.note(device_fault("recorder", error))
        if self._recorder.take is None:
            self._note_lost()
        elif n_left and self._is_split_due(self._plan, n_shown):
            self._split(n_shown)
        elif not n_left and self.recorded_until_s() is not None:
            self._see_all_recorded()

    def _is_split_due(self, plan: RecordingPlan, n_shown: int) -> bool:
        minutes, presentations = plan.split_minutes, plan.split_presentations
        is_long = minutes is not None and self._notebook.now_s() - self._begun_s >= 60.0 * minutes
        return is_long or (presentations is not None and n_shown - self._first >= presentations)

    def _split(self, n_shown: int) -> None:
        self._see_all_recorded()
        if self._noted is None:
            return  # it was lost: the session pauses, and goes on in a new file
        if isinstance(self._recorder, AskedRecorder):
            self._note("stopped", self._recorder.stop(self._idle).by)
            self._devices.note(DeviceError(self._question()))
            return
        try:
            seen_by = self._recorder.stop(self._idle).by
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._devices.note(device_fault("recorder", error))
            seen_by = "nobody"
        self._note("stopped", seen_by)
        self.go_on(n_shown)

    def _see_all_recorded(self) -> None:
        """Wait, grey, until all that was accepted is known to be recorded; a recording that was lost is noted.

        Spikes after an image are counted, and a stop may follow right after one.
        """
        needed_s = self._order.needed_until_s
        if needed_s is not None and self.recorded_until_s() is not None and self._is_all_recorded():
            return
        try:
            until_s = self._notebook.now_s() + _AFTERWARDS_S
            while self._notebook.now_s() < until_s:
                self._idle()
            if needed_s is not None:
                self._recorder.confirm(max(0.0, self._notebook.now_s() - needed_s - _SPARE_S), self._idle)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._devices.note(device_fault("recorder", error))
        if self._recorder.take is None:
            self._note_lost()

    def end(self) -> None:
        """End the recording, and say what could not be seen of it: the session is over."""
        if self._plan is None or self._noted is None:
            return
        if self._recorder.take is not None:
            self._see_all_recorded()
            if (fault := self._devices.take_fault()) is not None:
                self._tell(str(fault))
        if self._recorder.take is None:
            self._note_lost()
            return
        try:
            seen = self._recorder.stop(self._idle)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._tell(str(device_fault("recorder", error)))
            self._note("stopped", "nobody")
            return
        self._note("stopped", seen.by)
        if seen.doubt:
            self._tell(seen.doubt)

    def _note_begun(self, take: Take, seen: RecordingSeen) -> None:
        self._n_parts = take.part
        self._noted = take, seen.file or take.file
        self._note("started", seen.by)
        self._begun_s = self._notebook.now_s()

    def _note_lost(self) -> None:
        if self._noted is not None:
            self._note("lost", "nobody")

    def _note(self, state: Literal["started", "stopped", "lost"], seen_by: RecordingSeenBy) -> None:
        if self._noted is None:
            raise ValueError("expected a recording that was noted")
        take, file = self._noted
        row = RecordingNoted(
            state=state,
            file=file,
            launch=take.launch,
            part=take.part,
            seen_by=seen_by,
            time_s=self._notebook.now_s(),
            unrecorded_from_s=self._unrecorded_from_s(state),
        )
        self._notebook.write(row)
        self._notebook.sync()
        self._order.note_recording(row)
        if state != "started":
            self._noted = None

    def _unrecorded_from_s(self, state: Literal["started", "stopped", "lost"]) -> float | None:
        """Return since when nothing is known to be recorded: of a loss, and of an end before all was seen recorded."""
        if state == "started" or (state == "stopped" and self._is_all_recorded()):
            return None
        return self.recorded_until_s()

    def _is_all_recorded(self) -> bool:
        known_s, needed_s = self.recorded_until_s(), self._order.needed_until_s
        return known_s is None or needed_s is None or needed_s <= known_s
