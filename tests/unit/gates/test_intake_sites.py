"""What the gates of the sites say: that they answer, as well and as much as before, and are the ones they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.gates.intake.identity import site_identity
from closedloop.gates.intake.rates import normalizer_drift, rate_drift
from closedloop.gates.intake.sites import site_reliability, site_yield
from closedloop.gates.intake.twins import twins_shown
from tests.unit.days import stimulus, write_stimuli
from tests.unit.gates.recorded_days import N_NORMALIZERS, N_SITES, Floats, Recorded, tuning, write_counts

N_ELECTRODES = 24
OF_THE_SITES = (site_yield, site_reliability, rate_drift, normalizer_drift, site_identity)
ASKED: dict[str, Any] = {"sites": {"n_sites": N_SITES, "min_reliability": 0.4}}


def drifting(day: int) -> Floats:
    """Return a day's rates: every electrode's tuning turns a little, and its gain changes by a tenth."""
    gain = np.exp(0.1 * np.random.default_rng([day, 1]).standard_normal(N_ELECTRODES))
    return (tuning(N_ELECTRODES) + 0.2 * (tuning(N_ELECTRODES, seed=day) - 40)) * gain


def two_days(tmp_path: Path, rates_hz: Floats, **values: Any) -> Recorded:
    """Return a study with a good day 0 and a day 1 of these rates."""
    study = Recorded(tmp_path, ASKED)
    both = {name: values[name] for name in ("processors",) if name in values}
    study.responses(0, drifting(0), **both)
    study.responses(1, rates_hz, **values)
    return study


@pytest.mark.parametrize("gate", OF_THE_SITES)
def test_days_that_drift_a_little_pass(tmp_path: Path, gate: Any) -> None:
    study = Recorded(tmp_path, ASKED)
    for day in range(3):
        study.responses(day, drifting(day))
        found = study.ask(gate, day)
        assert (found.level, found.remedy) == ("PASS", ""), found


@pytest.mark.parametrize(("n_sites", "level"), [(10, "PASS"), (11, "WARN"), (17, "HOLD")])
def test_on_day_0_the_sites_found_are_counted_against_those_asked_for(tmp_path: Path, n_sites: int, level: str) -> None:
    study = Recorded(tmp_path, {"sites": {"n_sites": n_sites}})
    study.responses(0, drifting(0))
    assert study.ask(site_yield, 0).level == level


@pytest.mark.parametrize(("n_lost", "level"), [(1, "PASS"), (2, "WARN"), (5, "HOLD")])
def test_sites_that_no_longer_repeat_themselves_hold_when_half_are_gone(
    tmp_path: Path, n_lost: int, level: str
) -> None:
    reliability = [None if site < n_lost else 0.25 for site in range(N_ELECTRODES)]  # half of what was asked and more
    found = two_days(tmp_path, drifting(1), reliability=reliability).ask(site_yield, 1)
    assert found.level == level
    assert "array1-001" in found.found


def test_an_array_that_died_is_not_made_good_by_the_other(tmp_path: Path) -> None:
    processors = [1 if site in (0, 1, 2) else 2 for site in range(N_ELECTRODES)]  # 3 sites on one, 5 on the other
    reliability = [None if number == 1 else 0.8 for number in processors]
    study = two_days(tmp_path, drifting(1), processors=processors, reliability=reliability)
    assert study.ask(site_yield, 1).level == "HOLD"
    found = study.ask(site_reliability, 1)
    assert found.level == "HOLD"
    assert "processor 1" in found.found


@pytest.mark.parametrize(("reliability", "level"), [(0.65, "PASS"), (0.6, "WARN"), (0.4, "HOLD")])
def test_a_noisy_day_holds(tmp_path: Path, reliability: float, level: str) -> None:
    study = two_days(tmp_path, drifting(1), reliability=[reliability] * N_ELECTRODES)
    assert study.ask(site_reliability, 1).level == level


@pytest.mark.parametrize(("factor", "level"), [(1.3, "PASS"), (1.6, "WARN"), (2.3, "HOLD"), (0.35, "HOLD")])
def test_rates_that_doubled_or_halved_hold(tmp_path: Path, factor: float, level: str) -> None:
    assert two_days(tmp_path, drifting(0) * factor).ask(rate_drift, 1).level == level


def test_one_wild_site_is_no_drift(tmp_path: Path) -> None:
    rates_hz = drifting(0)
    rates_hz[:, 0] *= 8
    study = two_days(tmp_path, rates_hz)
    assert study.ask(rate_drift, 1).level == "PASS"
    assert study.ask(normalizer_drift, 1).level == "PASS"


def test_sites_that_fell_silent_are_a_drift(tmp_path: Path) -> None:
    study = two_days(tmp_path, drifting(0) * 0)
    assert study.ask(rate_drift, 1).level == "HOLD"
    assert study.ask(normalizer_drift, 1).level == "HOLD"


def test_normalizers_that_no_longer_spread_hold_though_their_mean_stays(tmp_path: Path) -> None:
    rates_hz = 40 + 0.15 * (drifting(0) - 40)
    study = two_days(tmp_path, rates_hz, noise_hz=1.0)
    found = study.ask(normalizer_drift, 1)
    assert found.level == "HOLD"
    assert (found.values["spread_octaves"] or 0) > 1 > (found.values["moved_sds"] or 0)
    assert study.ask(rate_drift, 1).level == "PASS"


def test_normalizers_are_compared_with_the_day_before_and_rates_with_day_0(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    for day, factor in enumerate((1.0, 2.5, 2.5)):
        study.responses(day, drifting(0) * factor)
    assert [study.ask(normalizer_drift, day).level for day in (1, 2)] == ["HOLD", "PASS"]
    assert [study.ask(rate_drift, day).level for day in (1, 2)] == ["HOLD", "HOLD"]


def test_a_shifted_connector_holds_and_nothing_else_shows_it(tmp_path: Path) -> None:
    study = two_days(tmp_path, np.roll(drifting(1), 1, axis=1))
    found = study.ask(site_identity, 1)
    assert found.level == "HOLD"
    assert (found.values["part_recognized"] or 0) < 0.3
    assert "array1-002 answers as array1-001 did" in found.found
    others = [study.ask(gate, 1).level for gate in (site_yield, site_reliability, rate_drift)]
    assert others == ["PASS"] * 3


def test_two_electrodes_that_were_exchanged_hold_by_themselves(tmp_path: Path) -> None:
    order = list(range(N_ELECTRODES))
    order[3], order[20] = 20, 3
    found = two_days(tmp_path, drifting(1)[:, order]).ask(site_identity, 1)
    assert found.level == "HOLD"
    assert found.found.endswith("exchanged: array1-004 and array1-021")
    assert found.values["n_exchanged"] == 2


def test_what_excites_the_whole_array_does_not_hide_an_exchange(tmp_path: Path) -> None:
    common = 60 * np.random.default_rng(9).standard_normal((len(drifting(0)), 1))
    order = list(range(N_ELECTRODES))
    order[3], order[20] = 20, 3
    study = Recorded(tmp_path, ASKED)
    study.responses(0, drifting(0) + common)
    study.responses(1, drifting(1)[:, order] + common)
    assert study.ask(site_identity, 1).values["n_exchanged"] == 2


def test_electrodes_that_do_not_repeat_themselves_are_not_asked_who_they_are(tmp_path: Path) -> None:
    rates_hz = drifting(1)
    rates_hz[:, 1:3] = tuning(2, seed=99)
    reliability = [0.1 if site in (1, 2) else 0.8 for site in range(N_ELECTRODES)]
    found = two_days(tmp_path, rates_hz, reliability=reliability).ask(site_identity, 1)
    assert (found.level, found.values["n_sites"]) == ("PASS", N_SITES - 2)


def test_sites_are_compared_with_all_days_before(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    for day in (0, 1, 3):
        study.responses(day, drifting(day))
    study.responses(2, np.roll(drifting(2), 1, axis=1))  # one day was wrong, and was approved
    assert [study.ask(site_identity, day).level for day in (1, 2, 3)] == ["PASS", "HOLD", "PASS"]


def test_an_electrode_that_was_not_recorded_is_left_out(tmp_path: Path) -> None:
    rates_hz = drifting(1)
    rates_hz[:, 5] = np.nan
    reliability = [None if site == 5 else 0.8 for site in range(N_ELECTRODES)]
    study = two_days(tmp_path, rates_hz, reliability=reliability)
    assert [study.ask(gate, 1).level for gate in OF_THE_SITES] == ["PASS"] * len(OF_THE_SITES)


def test_few_images_tell_nobody_apart(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    for day in (0, 1):
        study.responses(day, np.roll(drifting(0)[:8], day, axis=1))
    found = study.ask(site_identity, 1)
    assert (found.level, found.values) == ("PASS", {})
    assert "not known" in found.found


@pytest.mark.parametrize(("n_near", "level"), [(0, "PASS"), (1, "WARN"), (5, "HOLD")])
def test_changed_images_shown_next_to_their_clean_ones_hold(tmp_path: Path, n_near: int, level: str) -> None:
    n = 40
    study = Recorded(tmp_path, {"presentation": {"twin_separation_min": 1.0}})
    clean = [stimulus("clean", "anchor", i) for i in range(n)]
    write_stimuli(study.paths, 0, [*clean, *(stimulus("attacked", "anchor", i, site_index=0) for i in range(n))])
    onset_s = np.r_[np.arange(n) * 5.0, 600 + np.arange(n) * 5.0]
    onset_s[n : n + n_near] = onset_s[:n_near] + 59.0
    order = np.argsort(onset_s, kind="stable")
    write_counts(study.paths, 0, order, np.ones((2 * n, 1)), onset_s=onset_s[order])
    found = study.ask(twins_shown, 0)
    assert found.level == level
    assert found.values["part_near"] == pytest.approx(n_near / n)


def test_a_session_without_changed_images_has_no_twins(tmp_path: Path) -> None:
    study = Recorded(tmp_path)
    study.responses(0, drifting(0)[:N_NORMALIZERS])
    assert study.ask(twins_shown, 0).level == "PASS"
