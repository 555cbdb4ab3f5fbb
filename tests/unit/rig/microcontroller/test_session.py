"""Sessions with valve and codes on one microcontroller: what the journal says is what its pins did."""

from __future__ import annotations

import time

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import Paused, PresentationBegun, RewardNoted, TrialBegun, TrialEnded
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state
from rig.operator.commands import Command
from rig.ports.microcontroller.codes import MicrocontrollerCodes
from rig.ports.microcontroller.reward import MicrocontrollerReward
from rig.ports.recorders.port import NoRecorder
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.rig.ports import HZ, FastTracker, FaultyDisplay, Screen

pytestmark = pytest.mark.slow

REWARD_MS = 80.0


class PacedDisplay(FaultyDisplay):
    """A display whose frames last as long as a screen's, or longer."""

    def flip(self, picture, *, at_flip=None):
        end = time.monotonic() + 1 / HZ
        while time.monotonic() < end:
            time.sleep(0.001)
        return super().flip(picture, at_flip=at_flip)


class Hands:
    """Somebody who pulls the cable in the middle of an image, plugs it in again, and continues once it is paused."""

    def __init__(self, screen, bench, at):
        self._screen, self._bench, self._at = screen, bench, at
        self.devices = [bench.plug()]
        self._frame_pulled = None

    def poll(self):
        frame = self._screen.frame
        if self._at is None or frame < self._at:
            return ()
        if self._frame_pulled is None:
            self._frame_pulled = frame
            self.devices[0].unplug()
        elif len(self.devices) == 1 and frame >= self._frame_pulled + 20:
            self.devices.append(self._bench.plug())
            return (Command("continue", "key", lambda _words: None, lambda _words: None),)
        return ()


def present(bench, session, out, *, pull_at=None):
    screen, said = Screen(), []
    hands = Hands(screen, bench, pull_at)
    device = bench.open()
    reward, codes = MicrocontrollerReward(device), MicrocontrollerCodes(device)
    with JournalWriter(out / "journal.jsonl") as writer:
        Presenter(
            session=session,
            apparatus=Apparatus(
                display=PacedDisplay(screen),
                gaze=FastTracker(0.0),
                reward=reward,
                codes=codes,
                recorder=NoRecorder(),
                commands=hands,
                tell=said.append,
            ),
            journal=writer,
            state=fresh_state(session),
            n_launches=0,
            stop=StopRequest(),
            after_trial=lambda _state, _now_s: None,
        ).run()
    reward.close()
    codes.close()
    journal = read_journal(out / "journal.jsonl")
    check_journal(journal, out / "journal.jsonl")
    return journal, hands.devices, said


@pytest.fixture
def session(make_session):
    return open_session(make_session(n_presentations=6))


def begun_codes(journal):
    return [row.code for row in journal.rows if isinstance(row, TrialBegun | PresentationBegun)]


def test_every_code_of_the_journal_was_strobed_and_every_reward_given(bench, session, tmp_path):
    journal, (device,), said = present(bench, session, tmp_path / "present")
    assert said == []
    assert journal.ended.outcome == "complete"
    assert (journal.launches[0].codes, journal.launches[0].reward) == ("microcontroller", "microcontroller")
    assert device.read_at_strobes() == begun_codes(journal)
    confirmed = [row for row in journal.rows if isinstance(row, RewardNoted) and row.state == "acknowledged"]
    assert [row.duration_ms for row in confirmed] == [REWARD_MS, REWARD_MS]
    assert [row.reward_ms for row in journal.rows if isinstance(row, TrialEnded)] == [REWARD_MS, REWARD_MS]
    assert device.openings_ms() == [pytest.approx(REWARD_MS, abs=1.0)] * 2


def test_a_cable_that_is_pulled_and_plugged_in_again_costs_the_image_under_way(bench, session, tmp_path):
    journal, (first, second), said = present(bench, session, tmp_path / "present", pull_at=40)
    assert journal.ended.outcome == "complete"
    (paused,) = [row for row in journal.rows if isinstance(row, Paused)]
    assert paused.by == "device"
    assert "expected it on its wire" in paused.why
    assert "Plug it in again, then continue" in said[0]
    assert {row.reason for row in journal.presentations if row.outcome != "accepted"} <= {"device_error"}
    shown = accepted(journal.rows)
    assert sorted(row.presentation_index for row in shown) == list(range(6))
    read = [*first.read_at_strobes(), *second.read_at_strobes()]
    sent = begun_codes(journal)
    assert [code for code in sent if code in read] == read
    assert {row.code for row in shown} <= set(read)
