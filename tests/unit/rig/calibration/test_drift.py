"""The drift of a tracker's map within a session: told from held fixations, and taken away by the operator's word."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import Commanded, DriftChecked, GazeShifted, Paused, TrialEnded
from rig.display.headless import HeadlessDisplay
from rig.machine.apparatus import Apparatus
from rig.machine.between.drift import N_TRIALS
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state
from rig.operator.commands import Command, NoCommands
from rig.operator.tally import SessionTally
from rig.operator.watched import EyeTrace, WatchedGaze
from rig.ports.clock import VirtualClock
from rig.ports.codes import FileCodes
from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import SilentReward
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.rig.test_random_sessions import plan_of

DRIFT = (0.6, -0.3)
WINDOW_DEG = 2.0


class DriftedEye:
    """An eye that always fixates, seen by a tracker whose map is wrong by a constant; it scatters evenly around it."""

    name = "drifted"

    def __init__(self, x_deg: float = DRIFT[0], y_deg: float = DRIFT[1]) -> None:
        self._at, self._n = (x_deg, y_deg), 0

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing."""

    def samples(self, now_s: float) -> list[GazeSample]:
        x, y = self._at
        scatter = ((0.2, 0.0), (-0.2, 0.0), (0.0, 0.2), (0.0, -0.2))
        step_s = 1 / 60 / len(scatter)
        return [
            GazeSample(now_s - (len(scatter) - 1 - n) * step_s, GazePoint(x + dx, y + dy))
            for n, (dx, dy) in enumerate(scatter)
        ]

    def close(self) -> None:
        """Do nothing."""


class RestlessEye(DriftedEye):
    """An eye that rests now here, now there within a wide window, as that of an animal that is taught."""

    def start_trial(self, trial: int, time_s: float) -> None:
        self._at = (0.6 + (1.2 if trial % 2 else -1.2), 0.0)


class AskedAt:
    """An operator who asks for things, each at the first look after so many completed trials."""

    def __init__(self, *asked: tuple[int, str]) -> None:
        self._asked, self.n_completed, self.said = list(asked), 0, []

    def poll(self) -> tuple[Command, ...]:
        if not self._asked or self.n_completed < self._asked[0][0]:
            return ()
        _, name = self._asked.pop(0)
        return (Command(name, "key", self.said.append, lambda words: self.said.append(f"refused: {words}")),)


def present(make_session, tmp_path, operator, *, gaze=None, n_presentations=180):
    """Present a session; return its journal's rows, what the operator was told, and the panel at its end."""
    session = open_session(make_session(n_presentations=n_presentations, trial={"fixation_window_deg": WINDOW_DEG}))
    out, told, trace = tmp_path / "present", [], EyeTrace()
    watched = WatchedGaze(gaze or DriftedEye(), trace)
    display = HeadlessDisplay(VirtualClock(60.0), refresh_hz=60.0, width_px=320, height_px=240)
    tally = SessionTally(session.document)

    def count(state, _now_s):
        if isinstance(operator, AskedAt):
            operator.n_completed = state.n_accepted // 3

    with JournalWriter(out / "journal.jsonl") as writer:
        writer.listen(tally.note)
        Presenter(
            session=session,
            apparatus=Apparatus(
                display=display,
                gaze=watched,
                reward=SilentReward(),
                codes=FileCodes(),
                recorder=NoRecorder(),
                commands=operator,
                tell=told.append,
                shift_gaze=watched.shift,
            ),
            journal=writer,
            state=fresh_state(session),
            n_launches=0,
            stop=StopRequest(),
            after_trial=count,
        ).run()
    journal = read_journal(out / "journal.jsonl")
    check_journal(journal, out / "journal.jsonl", plan=plan_of(session))
    return journal.rows, told, tally.state(display.now_s()), trace


def of(rows, kind):
    return [row for row in rows if isinstance(row, kind)]


def test_a_drift_is_told_in_the_pause_for_it_and_taken_away_by_a_word(make_session, tmp_path) -> None:
    operator = AskedAt((10, "recalibrate"), (10, "shift"), (10, "continue"), (20, "recalibrate"), (20, "continue"))
    rows, told, _, trace = present(make_session, tmp_path, operator)
    before, after = of(rows, DriftChecked)
    assert (before.x_deg, before.y_deg, before.n_trials, before.is_large) == (0.6, -0.3, 10, True)
    (moved,) = of(rows, GazeShifted)
    assert (moved.x_deg, moved.y_deg, moved.n_trials) == (-0.6, 0.3, 10)
    assert (after.x_deg, after.y_deg, after.is_large) == (pytest.approx(0.0), pytest.approx(0.0), False)
    assert after.n_trials == 10  # what was measured before the move is not mixed with what came after
    assert told[0].startswith("gaze has drifted by +0.60 deg to the right and -0.30 deg up (10 trials).")
    assert "The key d moves the map by it" in told[0]
    assert "key d" not in told[1]
    assert operator.said[1] == "the map is moved by -0.60 deg to the right and +0.30 deg up, until the rig ends"
    assert [row.why for row in of(rows, Paused)] == ["recalibration"] * 2
    assert [row.command for row in of(rows, Commanded)].count("shift") == 1
    points = [point for point in trace.points() if point is not None]
    assert abs(sum(x for x, _ in points) / len(points)) < 0.05  # the panel's eye is moved with it


def test_an_eye_that_rests_here_and_there_has_not_drifted(make_session, tmp_path) -> None:
    operator = AskedAt((30, "recalibrate"), (30, "continue"))
    rows, told, _, _ = present(make_session, tmp_path, operator, gaze=RestlessEye())
    (checked,) = of(rows, DriftChecked)  # only as it was asked: by itself it tells nothing
    assert (checked.x_deg, checked.n_trials, checked.is_large) == (pytest.approx(0.6), N_TRIALS, False)
    assert len(told) == 1
    assert "key d" not in told[0]


def test_in_a_pause_for_it_the_page_says_the_drift_by_which_the_operator_decides(make_session):
    tally = SessionTally(open_session(make_session()).document)
    tally.note(Paused(by="operator", why="recalibration", time_s=1.0))
    tally.note(DriftChecked(x_deg=0.6, y_deg=-0.3, n_trials=20, is_large=True, time_s=1.0))
    pause = tally.state(2.0).pause
    assert pause.startswith("recalibration")
    assert pause.endswith(
        "gaze has drifted by +0.60 deg to the right and -0.30 deg up (20 trials), which the key d takes out"
    )


def test_a_large_drift_is_told_by_itself_at_most_every_so_many_trials(make_session, tmp_path) -> None:
    rows, told, state, _ = present(make_session, tmp_path, AskedAt())
    assert len(of(rows, TrialEnded)) == 60
    assert [row.n_trials for row in of(rows, DriftChecked)] == [N_TRIALS] * (60 // N_TRIALS)
    assert len(told) == 3
    assert state.warnings == ("gaze has drifted by +0.60 deg to the right and -0.30 deg up (20 trials)",)


def test_a_small_drift_is_not_told_unasked(make_session, tmp_path) -> None:
    rows, told, state, _ = present(make_session, tmp_path, AskedAt(), gaze=DriftedEye(0.4, 0.2))
    assert (of(rows, DriftChecked), told, state.warnings) == ([], [], ())


def test_without_an_operator_nothing_of_it_is_written(make_session, tmp_path) -> None:
    rows, told, _, _ = present(make_session, tmp_path, NoCommands())
    assert len(of(rows, TrialEnded)) == 60
    assert (of(rows, DriftChecked), of(rows, GazeShifted), told) == ([], [], [])


def test_the_map_is_not_moved_within_a_trial_nor_by_too_few_trials(make_session, tmp_path) -> None:
    operator = AskedAt((0, "shift"), (2, "pause"), (2, "shift"), (2, "continue"))
    rows, _, _, trace = present(make_session, tmp_path, operator, n_presentations=30)
    assert operator.said[0] == "refused: not moved: a trial is under way. Pause, or recalibrate, first"
    assert operator.said[2].startswith("refused: not moved: expected at least 5 completed trials")
    assert of(rows, GazeShifted) == []
    assert all(point is None or point[0] > 0.3 for point in trace.points())


class WanderingEye(DriftedEye):
    """Waits for the images 0.2 degrees beside the point; then it looks farther off, or breaks every third trial."""

    def start_trial(self, trial: int, time_s: float) -> None:
        self._begun_s, self._breaks = time_s, trial % 3 == 2

    def samples(self, now_s: float) -> list[GazeSample]:
        waits = now_s - getattr(self, "_begun_s", now_s) < 0.25  # the images begin after 0.28 s
        breaks = getattr(self, "_breaks", False)
        self._at = ((1.0 if breaks else 0.2) if waits else (10.0 if breaks else 0.9), 0.0)
        return super().samples(now_s)


def test_only_the_wait_for_the_images_of_completed_trials_counts(make_session, tmp_path) -> None:
    operator = AskedAt((12, "recalibrate"), (12, "continue"))
    rows, *_ = present(make_session, tmp_path, operator, gaze=WanderingEye(), n_presentations=60)
    assert [row.outcome for row in of(rows, TrialEnded)].count("broken") >= 4
    (found,) = of(rows, DriftChecked)
    assert found.x_deg == pytest.approx(0.2 + 0.7 / 10, abs=0.11)  # one of the ten frames may be of the image's time
    assert found.n_trials >= 12


def test_one_move_is_added_to_the_other() -> None:
    watched = WatchedGaze(DriftedEye(1.0, 2.0), EyeTrace())
    watched.shift(-0.5, 0.0)
    watched.shift(-0.25, 1.0)
    points = [one.point for one in watched.samples(1.0) if one.point is not None]
    assert sum(one.x_deg for one in points) / len(points) == pytest.approx(0.25)
    assert sum(one.y_deg for one in points) / len(points) == pytest.approx(3.0)
