"""What the gates of the recording itself say: whole, on one clock, with all codes and with light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closedloop.alignment.markers import NO_CLOCK
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.clock import recording_aligned
from closedloop.gates.intake.codes import lost_codes
from closedloop.gates.intake.missing import missing_presentations
from closedloop.gates.intake.photodiode import photodiode_jitter, photodiode_latency, photodiode_seen
from closedloop.gates.intake.recording import recording_whole
from closedloop.recording.usability import IN_GAP, OUTSIDE
from tests.unit.gates.recorded_days import Recorded, clock

Ask = Callable[[GateContext], GateFinding]
OF_THE_RECORDING = (
    *(recording_whole, recording_aligned, lost_codes, missing_presentations),
    *(photodiode_seen, photodiode_latency, photodiode_jitter),
)
DARK: dict[str, Any] = {"light_from": None, "photodiode_lag_median_ms": None, "photodiode_lag_iqr_ms": None}


def asked(tmp_path: Path, gate: Ask, *devices: dict[str, Any], day_0: tuple[dict[str, Any], ...] = ()) -> GateFinding:
    """Ask about day 1, whose devices are these, after a day 0 without a fault, or with the devices given."""
    study = Recorded(tmp_path)
    study.quality(0, *(day_0 or tuple({} for _ in devices)))
    study.quality(1, *devices)
    return study.ask(gate, 1)


@pytest.mark.parametrize("gate", OF_THE_RECORDING)
@pytest.mark.parametrize("day", [0, 1])
@pytest.mark.parametrize("n_devices", [0, 1, 2])
def test_a_good_recording_passes_on_any_day_of_any_number_of_devices(
    tmp_path: Path, gate: Ask, day: int, n_devices: int
) -> None:
    study = Recorded(tmp_path)
    for number in range(day + 1):
        if n_devices:
            study.quality(number, *({} for _ in range(n_devices)))
        else:
            study.quality(number, devices=())  # as version 0.1 wrote it
    found = study.ask(gate, day)
    assert (found.level, found.remedy) == ("PASS", ""), found


@pytest.mark.parametrize(("n", "level"), [(0, "PASS"), (1, "WARN"), (50, "WARN"), (51, "HOLD")])
def test_presentations_that_were_not_recorded_hold_above_a_twentieth(tmp_path: Path, n: int, level: str) -> None:
    missing = {"n_used": 1000 - n, "set_aside": {IN_GAP: n} if n else {}}
    assert asked(tmp_path, recording_whole, {}, missing).level == level


def test_what_has_no_time_was_recorded_all_the_same(tmp_path: Path) -> None:
    late = {"n_used": 900, "set_aside": {NO_CLOCK: 100}}
    assert asked(tmp_path, recording_whole, late).level == "PASS"
    assert asked(tmp_path, missing_presentations, late).level == "HOLD"


def test_a_bank_that_was_not_recorded_counts_as_its_part_of_the_electrodes(tmp_path: Path) -> None:
    found = asked(tmp_path, recording_whole, {"used_in_part": {f"32 of 96 electrodes: {OUTSIDE}": 120}})
    assert found.values["part_not_recorded"] == pytest.approx(0.04)
    assert found.level == "WARN"


def test_the_device_that_lacks_most_decides(tmp_path: Path) -> None:
    found = asked(tmp_path, missing_presentations, {"n_used": 990}, {"n_used": 940, "set_aside": {OUTSIDE: 60}})
    assert found.level == "HOLD"
    assert "60 of 1,000 (6 %) on array2: 60 " in found.found


@pytest.mark.parametrize(("spread_ms", "level"), [(1.0, "PASS"), (1.2, "WARN"), (5.1, "HOLD")])
def test_codes_that_spread_around_the_clock_hold(tmp_path: Path, spread_ms: float, level: str) -> None:
    runs = (clock(), clock(residual_iqr_ms=spread_ms, epoch=0, segment=1))
    assert asked(tmp_path, recording_aligned, {"clocks": runs}).level == level


def test_a_run_of_few_codes_tells_no_spread(tmp_path: Path) -> None:
    runs = (clock(), clock(residual_iqr_ms=40.0, n_codes=5, segment=1))
    assert asked(tmp_path, recording_aligned, {"clocks": runs}).level == "PASS"


def test_a_recording_without_any_clock_holds(tmp_path: Path) -> None:
    found = asked(tmp_path, recording_aligned, {"clocks": (clock(n_codes=3),)})
    assert found.level == "HOLD"
    assert found.found.startswith("no clock: nowhere 20 codes of one run")


def test_a_reset_warns_and_the_start_of_two_processors_does_not(tmp_path: Path) -> None:
    reset = asked(tmp_path / "reset", recording_aligned, {"clocks": (clock(), clock(epoch=1))})
    assert reset.level == "WARN"
    assert "began anew" in reset.found
    stub = asked(tmp_path / "stub", recording_aligned, {"n_epochs": 2, "clocks": (clock(epoch=1),)})
    assert stub.level == "PASS"


@pytest.mark.parametrize(("drift_ppm", "level"), [(39.0, "PASS"), (41.0, "WARN"), (-1.0, "WARN")])
def test_another_quartz_than_day_0s_warns(tmp_path: Path, drift_ppm: float, level: str) -> None:
    assert asked(tmp_path, recording_aligned, {}, {"clocks": (clock(drift_ppm=drift_ppm),)}).level == level


@pytest.mark.parametrize(
    ("device", "level"),
    [
        ({"codes_lost": 20}, "PASS"),
        ({"codes_lost": 21}, "WARN"),
        ({"codes_lost": 60, "codes_changed": 41}, "HOLD"),
    ],
)
def test_codes_that_are_lost_or_changed_hold_above_a_tenth(tmp_path: Path, device: dict[str, Any], level: str) -> None:
    assert asked(tmp_path, lost_codes, {}, device).level == level


def test_a_study_without_a_photodiode_passes_and_says_so(tmp_path: Path) -> None:
    for gate in (photodiode_seen, photodiode_latency, photodiode_jitter):
        found = asked(tmp_path / gate.__name__, gate, DARK, day_0=(DARK,))
        assert found.level == "PASS"
        assert found.found.startswith("no photodiode")


def test_a_photodiode_that_is_gone_holds_where_day_0_had_one(tmp_path: Path) -> None:
    found = asked(tmp_path, photodiode_seen, DARK)
    assert found.level == "HOLD"
    assert found.values["n_without"] == 1000


@pytest.mark.parametrize(("n", "level"), [(20, "PASS"), (21, "WARN"), (201, "HOLD")])
def test_presentations_without_light_hold_above_a_fifth(tmp_path: Path, n: int, level: str) -> None:
    assert asked(tmp_path, photodiode_seen, {"n_without_photodiode": n}).level == level


@pytest.mark.parametrize(("latency_ms", "level"), [(15.9, "PASS"), (7.5, "WARN"), (28.7, "HOLD")])
def test_a_display_that_got_slower_or_faster_holds(tmp_path: Path, latency_ms: float, level: str) -> None:
    assert asked(tmp_path, photodiode_latency, {"photodiode_lag_median_ms": latency_ms}).level == level


def test_the_processor_without_light_is_left_out_of_the_latency(tmp_path: Path) -> None:
    assert asked(tmp_path, photodiode_latency, {}, DARK).level == "PASS"
    found = asked(tmp_path / "first_light", photodiode_latency, {}, day_0=(DARK,))
    assert found.level == "PASS"
    assert "no photodiode on day 0" in found.found


@pytest.mark.parametrize(("spread_ms", "level"), [(2.0, "PASS"), (3.0, "WARN"), (8.3, "HOLD")])
def test_light_that_comes_when_it_likes_holds(tmp_path: Path, spread_ms: float, level: str) -> None:
    assert asked(tmp_path, photodiode_jitter, {}, {"photodiode_lag_iqr_ms": spread_ms}).level == level
