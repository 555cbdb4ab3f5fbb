"""A device that fails rejects what it touched, and waits for who mends it; where nobody is there, the session ends."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal import accepted
from closedloop.artifacts.day.journal_rows import (
    Paused,
    TrialEnded,
)
from closedloop.errors import SessionError
from rig.ports.gaze import NoGaze
from tests.unit.rig.machine.operated import SECOND_IMAGE, Script, events, reasons
from tests.unit.rig.ports import HZ, FastTracker, Wire


def test_a_device_that_fails_while_the_session_is_paused_is_told_of(bench):
    at = (SECOND_IMAGE + 100) / HZ
    operator = Script(bench.screen, pause=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 300})
    bench.run(gaze=FastTracker(0.0, gone=[(at, at + 0.01)]), commands=operator)
    assert bench.said == ["gaze: expected the tracker, found none. Check its cable."]


def test_nobody_looks_at_the_eye_where_viewing_is_passive(bench):
    journal = bench.run(gaze=NoGaze(), commands=Script(bench.screen))
    assert journal.launches[0].gaze == "none"
    assert not events(journal, Paused)
    assert [row.outcome for row in journal.presentations] == ["accepted"] * 6
    assert [row.outcome for row in events(journal, TrialEnded)] == ["completed", "completed"]


def test_a_device_that_fails_pauses_where_an_operator_can_mend_it(bench):
    bench.wire.fails = {3}  # the trial's code, the first image's, the second one's
    operator = Script(bench.screen, **{"continue": SECOND_IMAGE + 100})
    journal = bench.run(commands=operator)
    assert reasons(journal)[:2] == [(0, None), (1, "device_error")]
    (paused,) = events(journal, Paused)
    assert (paused.by, "digital codes: expected the device" in paused.why) == ("device", True)
    assert journal.ended.outcome == "complete"


class AnsweringWire(Wire):
    """A code line whose device says a flip later what became of a code: one was lost."""

    def __init__(self, lost):
        super().__init__()
        self._lost, self.n_mended = lost, 0

    def check(self):
        if self._lost is not None and len(self.codes) >= self._lost:
            self._lost = None
            raise SessionError("codes: expected the code to be strobed, found no answer. Check the cable.")

    def mend(self):
        self.n_mended += 1


def test_a_code_that_turns_out_lost_rejects_its_image_and_its_device_is_mended_when_the_operator_continues(bench):
    bench.wire = AnsweringWire(lost=3)  # the trial's code, the first image's, the second one's
    journal = bench.run(commands=Script(bench.screen, **{"continue": SECOND_IMAGE + 100}))
    assert reasons(journal)[:2] == [(0, None), (1, "device_error")]
    (paused,) = events(journal, Paused)
    assert (paused.by, "expected the code to be strobed" in paused.why) == ("device", True)
    assert bench.wire.n_mended == 1
    assert journal.ended.outcome == "complete"


def test_a_device_that_fails_ends_the_session_where_nobody_is_there_and_it_can_be_resumed(bench):
    bench.wire.fails = {3}
    with pytest.raises(SessionError, match=r"digital codes: expected the device to answer, found: no such device"):
        bench.run()
    assert reasons(bench.journal) == [(0, None), (1, "device_error")]
    assert bench.journal.ended.outcome == "stopped"
    journal = bench.run()
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))
