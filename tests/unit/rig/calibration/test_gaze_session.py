"""A calibration from the first frame to the map, with an eye whose tracker is distorted in a known way."""

from __future__ import annotations

import datetime

import pytest

from closedloop.artifacts.rig.calibrations import Calibrations
from closedloop.artifacts.rig.template import EXAMPLE
from closedloop.errors import DeviceError
from rig.calibration.gaze.page import page_lines
from rig.calibration.gaze.procedure import Procedure, not_yet
from rig.calibration.gaze.session import CalibrationPorts, GazeCalibration, measured
from rig.calibration.gaze.simulated import Distortion, SimulatedEye
from rig.calibration.gaze.steady import Rest
from rig.calibration.gaze.targets import layout_of, other_targets
from rig.display.headless import HeadlessDisplay
from rig.operator.watched import WatchedDisplay
from rig.ports.clock import VirtualClock
from rig.ports.gaze import Gaze, GazeSample
from rig.ports.reward import LoggedReward
from rig.stop import StopRequest
from tests.unit.rig.calibration.eyes import EXTENT, PatientOperator, field_errors_deg

TILTED = Distortion(first=(-2100.0, 12.0, 140.0), second=(900.0, 151.0, -8.0))


def calibration(
    distortion: Distortion,
    operator: PatientOperator,
    *,
    seed: int = 0,
    n_points=9,
    stop=None,
    gaze: Gaze | None = None,
    eye: SimulatedEye | None = None,
) -> tuple[GazeCalibration, LoggedReward]:
    eye, reward = eye or SimulatedEye(seed=seed, distortion=distortion), LoggedReward()
    screen = HeadlessDisplay(VirtualClock(60.0), refresh_hz=60.0, width_px=1920, height_px=1080)
    display = WatchedDisplay(screen, after_flip=eye.see)
    procedure = Procedure(
        points=not_yet(layout_of(n_points, EXTENT)), others=not_yet(other_targets(EXTENT)), most_deg=1.0
    )
    ports = CalibrationPorts(display, gaze or eye, reward, operator)
    return GazeCalibration(
        procedure, ports, title="rig 1: gaze by scripted", reward_ms=60.0, stop=stop or StopRequest()
    ), reward


@pytest.mark.parametrize("distortion", [Distortion(), TILTED])
@pytest.mark.parametrize("n_points", [9, 13])
@pytest.mark.parametrize("seed", range(3))
def test_a_known_distortion_is_recovered_to_a_fifth_of_a_degree(distortion, n_points, seed) -> None:
    running, reward = calibration(distortion, PatientOperator(), seed=seed, n_points=n_points)
    assert running.run()
    errors = field_errors_deg(running.procedure.gaze_map(), distortion)
    assert errors.max() < 0.2
    assert reward.given_ms == [60.0] * (n_points + 5)
    stored = Calibrations.model_validate(
        measured(running.procedure, EXAMPLE, source="scripted", today=datetime.date(2026, 11, 28))
    )
    assert stored.gaze_map is not None
    assert field_errors_deg(stored.gaze_map, distortion).max() == pytest.approx(errors.max(), abs=1e-4)
    fit = stored.gaze_fit
    assert fit is not None
    assert (fit.source, fit.n_points, fit.is_validated) == ("scripted", n_points, True)
    assert (fit.distance_cm, fit.width_cm, fit.values) == (86.8, 52.0, "eye null, unit null, channels null")
    assert 0.02 < fit.error_deg <= fit.worst_deg < 0.4


def test_the_operator_quits_by_two_presses_and_nothing_is_to_be_stored() -> None:
    operator = PatientOperator(("Quit\\?", "q"), ("Point 2 is taken", "q"))
    running, _ = calibration(Distortion(), operator)
    assert not running.run()
    assert len(running.procedure.points.measured) == 2
    assert any("Press q once more" in page for page in operator.pages)


def test_a_stop_ends_it_at_the_next_frame() -> None:
    stop = StopRequest()
    stop.ask()
    running, _ = calibration(Distortion(), PatientOperator(), stop=stop)
    assert not running.run()


def test_without_samples_no_point_is_taken() -> None:
    class SilentTracker:
        name = "silent"

        def start_trial(self, trial: int, time_s: float) -> None:
            """Do nothing."""

        def samples(self, now_s: float) -> tuple[GazeSample, ...]:
            return ()

        def close(self) -> None:
            """Do nothing."""

    operator = PatientOperator(
        ("Quit\\?", "q"), ("Not taken: no samples come from the tracker", "q"), ("point", "space")
    )
    running, reward = calibration(Distortion(), operator, gaze=SilentTracker())
    assert not running.run()
    assert not running.procedure.points.measured
    assert reward.given_ms == []


def test_the_page_shows_the_raw_eye_the_points_and_their_errors() -> None:
    operator = PatientOperator()
    running, _ = calibration(Distortion(), operator)
    assert running.run()
    first, last = operator.pages[5], operator.pages[-1]
    assert "1 of 3: points for the map" in first
    assert "space take" in first
    assert " deg   rests" not in first  # no map, no degrees
    assert "3 of 3: store it?" in last
    rests = [one for page in operator.pages for one in page.splitlines() if one.startswith("eye: ") and "rests" in one]
    raw = [float(one.split()[1].rstrip(",")) for one in rests]
    assert min(raw) < 512 - 9 * 41
    assert max(raw) > 512 + 9 * 41
    table = [line for line in last.splitlines() if line.rstrip().endswith(" deg") and line.startswith("   ")]
    assert len(table) == 9
    assert all(float(line.split()[-2]) < 0.4 for line in table)


def test_an_eye_that_is_not_there_does_not_rest() -> None:
    running, _ = calibration(Distortion(), PatientOperator())
    rested = Rest(512.0, 384.0, scatter=1.0, n_samples=100)  # at the point before
    lines = page_lines(running.procedure, title="rig 1", eye=None, rest=rested)
    assert [line for line in lines if line.startswith("eye:")] == ["eye: none   not seen at this point yet"]


def test_a_tracker_that_fails_takes_no_point_with_it_and_is_opened_again_by_a_key() -> None:
    eye = SimulatedEye(distortion=Distortion())

    class Unplugged:
        """The simulated eye's tracker, which fails once, and is well again once it was opened again."""

        name, is_well, n_mended = "unplugged", True, 0

        def start_trial(self, trial: int, time_s: float) -> None:
            self.is_well = self.is_well and trial != 3

        def samples(self, now_s: float) -> list[GazeSample]:
            if not self.is_well:
                raise DeviceError("tracker: expected samples, found it gone. Look at its cable.")
            return eye.samples(now_s)

        def check(self) -> None:
            """Say nothing."""

        def mend(self) -> None:
            self.is_well, self.n_mended = True, self.n_mended + 1

        def close(self) -> None:
            """Do nothing."""

    tracker = Unplugged()
    operator = PatientOperator(("found it gone", "x"), (r"store it\?", "y"), ("All are", "f"))
    running, _ = calibration(Distortion(), operator, gaze=tracker, eye=eye)
    assert running.run()
    assert tracker.n_mended == 1
    assert len(running.procedure.points.measured) == 9
    assert field_errors_deg(running.procedure.gaze_map(), Distortion()).max() < 0.2


def test_what_was_seen_before_a_target_went_on_is_not_taken_for_it() -> None:
    class EveryFrame(PatientOperator):
        def is_due(self) -> bool:
            return True

    operator = EveryFrame(("Quit\\?", "q"), ("Point 1 is taken", "q"))
    running, _ = calibration(Distortion(), operator)
    assert not running.run()
    number = next(n for n, page in enumerate(operator.pages) if "Point 1 is taken" in page)
    assert "too few samples yet" in operator.pages[number + 1]
