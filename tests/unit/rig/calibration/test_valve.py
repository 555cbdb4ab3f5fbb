"""What a valve gives, from weights whose truth is known: a flow, an opening that costs, a leak, a scale with noise."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from closedloop.errors import DeviceError, RigError
from rig.calibration.valve import WeighedBatch, doubts_of_valve, fit_valve, leak_of
from rig.calibration.weighing import LiquidScale, Weigher, read_weighed, weigh_all
from rig.ports.reward import LoggedReward

DURATIONS_MS = (25.0, 50.0, 100.0, 200.0)
FLOW, COST = 0.0042, -0.021  # ml for each ms, and what opening takes away


def weighed(seed, *, n=100, scale_sd=0.01, share_sd=0.003, leak=0.0, seconds=30.0):
    """Weigh each length up and down: the scale's noise, and the flow's own, which grows with it."""
    noise = random.Random(seed)
    batches = [WeighedBatch(0.0, 0, max(0.0, 2 * leak + noise.gauss(0, scale_sd)), 120.0)]
    for ms in (*DURATIONS_MS, *reversed(DURATIONS_MS)):
        ml = n * (COST + FLOW * ms) * (1 + noise.gauss(0, share_sd)) + leak * seconds / 60 + noise.gauss(0, scale_sd)
        batches.append(WeighedBatch(ms, n, ml, seconds))
    return batches


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("leak", [0.0, 0.05])
def test_volume_is_recovered_to_a_hundredth_from_noisy_weights(seed, leak):
    fitted = fit_valve(weighed(seed, leak=leak))
    for ms in (25.0, 50.0, 100.0, 150.0, 200.0):
        assert fitted.ml(ms) == pytest.approx(COST + FLOW * ms, rel=0.01)
    assert fitted.leak_ml_per_min == pytest.approx(leak, abs=0.02)


@pytest.mark.slow
def test_two_thousand_valves_give_what_they_are_said_to_give_to_a_hundredth_from_25_ms_on():
    for seed in range(2000):
        fitted = fit_valve(weighed(1000 + seed))
        for ms in DURATIONS_MS:
            assert fitted.ml(ms) == pytest.approx(COST + FLOW * ms, rel=0.01), (seed, ms)


def test_line_and_standard_errors_are_those_of_an_independent_solver():
    batches = weighed(1, leak=0.0)
    opened = [one for one in batches if one.n_openings]
    leak = leak_of(batches)
    design = np.array([[one.n_openings, one.n_openings * one.duration_ms] for one in opened])
    ml = np.array([one.ml - leak * one.seconds / 60 for one in opened])
    fitted = fit_valve(batches)
    # The scale's error and the flow's, which are alike at 5 ml; the weights are those of the fitted line.
    spread = np.hypot(1.0, design @ (fitted.ml_at_zero, fitted.ml_per_ms) / 5.0)
    solved, (squares,), *_ = np.linalg.lstsq(design / spread[:, None], ml / spread, rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv((design / spread[:, None]).T @ (design / spread[:, None]))) * squares / 6)
    assert (fitted.ml_at_zero, fitted.ml_per_ms) == pytest.approx(tuple(solved), rel=1e-9)
    assert (fitted.ml_at_zero_error, fitted.ml_per_ms_error) == pytest.approx(tuple(errors), rel=1e-6)


def test_standard_errors_hold_what_they_say():
    """Of 400 valves the true flow is within two standard errors as often as Student's t with 6 degrees says: 91 %."""
    within = 0
    for seed in range(400):
        fitted = fit_valve(weighed(seed))
        within += abs(fitted.ml_per_ms - FLOW) <= 2 * fitted.ml_per_ms_error
    assert 0.86 <= within / 400 <= 0.95


@pytest.mark.parametrize("seed", range(20))
def test_good_weights_raise_no_doubt(seed):
    batches = weighed(seed)
    assert doubts_of_valve(batches, fit_valve(batches)) == []


def test_a_leak_is_said():
    batches = weighed(0, leak=4.0)
    (doubt,) = doubts_of_valve(batches, fit_valve(batches))
    assert "the closed valve leaks 4 ml a minute" in doubt


@pytest.mark.parametrize("place", range(1, 9))
def test_a_batch_that_was_weighed_wrong_is_named(place):
    batches = weighed(3)
    wrong = batches[place]
    batches[place] = WeighedBatch(wrong.duration_ms, wrong.n_openings, wrong.ml * 1.3, wrong.seconds)
    doubts = doubts_of_valve(batches, fit_valve(batches))
    assert any(doubt.startswith(f"batch {place}, 100 x {wrong.duration_ms:g} ms, gave") for doubt in doubts)


@pytest.mark.parametrize("place", range(1, 9))
def test_a_slip_of_the_pen_is_no_bottle_that_runs_empty(place):
    batches = weighed(3)
    wrong = batches[place]
    batches[place] = WeighedBatch(wrong.duration_ms, wrong.n_openings, wrong.ml * 10, wrong.seconds)
    doubts = doubts_of_valve(batches, fit_valve(batches))
    assert any(doubt.startswith(f"batch {place}, 100 x {wrong.duration_ms:g} ms, gave") for doubt in doubts)
    assert not any("let the bottle stand" in doubt for doubt in doubts)


def test_a_bottle_that_runs_empty_is_said():
    batches = weighed(4)
    falling = [
        WeighedBatch(one.duration_ms, one.n_openings, one.ml * (1 - 0.03 * place), one.seconds)
        for place, one in enumerate(batches)
    ]
    assert any("fell by" in doubt for doubt in doubts_of_valve(falling, fit_valve(falling)))


def test_weights_in_the_wrong_unit_are_said():
    batches = [WeighedBatch(one.duration_ms, one.n_openings, one.ml * 1000, one.seconds) for one in weighed(5)]
    assert any("is no reward valve's flow" in doubt for doubt in doubts_of_valve(batches, fit_valve(batches)))


def test_an_opening_of_another_length_than_was_measured_has_no_volume():
    fitted = fit_valve(weighed(0))
    assert fitted.ml(20.0) is None
    assert fitted.ml(201.0) is None


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([], "found 0 of 0. Weigh more"),
        ([WeighedBatch(100.0, 10, 4.0)] * 3, "found 3 of 1. Weigh more"),
        ([WeighedBatch(100.0, 10, 4.0), WeighedBatch(200.0, 10, 8.0)], "found 2 of 2. Weigh more"),
        ([WeighedBatch(ms, 10, 4.0 - ms / 100) for ms in (50, 100, 200)], "expected more of longer openings"),
    ],
)
def test_what_makes_no_line_is_refused(batches, said):
    with pytest.raises(RigError, match=said):
        fit_valve(batches)


@dataclass
class Bench:
    """A person who answers, a cup that fills, and time that passes when somebody sleeps."""

    answers: object
    weights: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    now: float = 0.0
    given_at_question: list[int] = field(default_factory=list)
    reward: LoggedReward = field(default_factory=LoggedReward)

    def may(self, question):
        self.asked.append(question)
        self.given_at_question.append(len(self.reward.given_ms))
        return next(self.answers)

    def weight(self, _question):
        return self.weights.pop(0) if self.weights else "4.31"

    def sleep(self, s):
        self.now += s

    def run(self, *, n=3, leak_s=10.0, durations_ms=(20.0, 40.0)):
        weigher = Weigher(self.may, self.weight, self.told.append)
        return list(
            weigh_all(
                self.reward,
                durations_ms,
                n_openings=n,
                leak_s=leak_s,
                scale=LiquidScale(1.04),
                weigher=weigher,
                sleep=self.sleep,
                now_s=lambda: self.now,
            )
        )


def test_the_valve_is_opened_after_a_word_and_as_often_as_was_said():
    bench = Bench(itertools.repeat(True), ["0.02", "1.04 g", "2 ml"])
    batches = bench.run()
    assert bench.reward.given_ms == [20.0] * 3 + [40.0] * 6 + [20.0] * 3
    assert bench.given_at_question == [0, 0, 3, 6, 9]  # asked before each batch
    assert [one.ml for one in batches[:3]] == pytest.approx([0.02 / 1.04, 1.0, 2.0])
    assert batches[0] == WeighedBatch(0.0, 0, 0.02 / 1.04, 10.0)
    assert all(one.seconds > 0 for one in batches)


@pytest.mark.parametrize("n_yes", range(5))
def test_without_a_word_it_stays_closed(n_yes):
    bench = Bench(itertools.chain([True] * n_yes, itertools.repeat(False)))
    bench.run()
    assert len(bench.reward.given_ms) == 3 * max(0, n_yes - 1)  # the first question is of the closed valve


def test_what_is_no_weight_is_asked_again():
    bench = Bench(itertools.repeat(True), ["a lot", "-3", "", "nan", "1e308", "3,5"])
    assert bench.run()[0].ml == pytest.approx(3.5 / 1.04)
    assert [line.startswith("expected a weight such as 4.31") for line in bench.told] == [True] * 5


def test_an_opening_that_is_not_confirmed_ends_it():
    bench = Bench(itertools.repeat(True))
    bench.reward.acknowledged = lambda: []
    with pytest.raises(DeviceError, match=r"expected it to confirm opening 1 of 3, found no answer.*empty the cup"):
        bench.run()
    assert bench.reward.given_ms == [20.0]


def test_batches_of_a_table_are_read(tmp_path):
    path = tmp_path / "weights.csv"
    path.write_text("duration_ms,openings,g,ml,seconds\n0,0,,0.1,60\n100,50,10.4,,12\n\n200,50,,21,\n")
    assert read_weighed(path, LiquidScale(1.04)) == [
        WeighedBatch(0.0, 0, 0.1, 60.0),
        WeighedBatch(100.0, 50, pytest.approx(10.0), 12.0),
        WeighedBatch(200.0, 50, 21.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the columns duration_ms, openings and perhaps g, ml, seconds, found none"),
        ("ms,openings,g\n", "expected the columns"),
        ("duration_ms,openings,g,kg\n", "expected the columns"),
        ("duration_ms,openings,g\n100,50,ten\n", "line 2: g: expected a number, found 'ten'"),
        ("duration_ms,openings,g\n100,50,inf\n", "line 2: g: expected a number"),
        ("duration_ms,openings,g\n100,50,\n", "row 1: expected duration_ms, openings and one of g and ml"),
        ("duration_ms,openings,g,ml\n100,50,1,1\n", "row 1: expected duration_ms, openings and one of g and ml"),
        ("duration_ms,openings,g\n100,2.5,1\n", "row 1: expected whole openings and nothing below 0"),
        ("duration_ms,openings,g\n100,50,-1\n", "row 1: expected whole openings and nothing below 0"),
        ("duration_ms,openings,g\n0,50,1\n", "row 1: expected a length of its openings"),
        ("duration_ms,openings,g\n0,0,1\n", "row 1: expected a length of its openings, or seconds"),
        ("duration_ms,openings,g\n100,50,4,5\n", "line 2: expected 3 fields as in the first line, found 4"),
        ("duration_ms,openings,g\n100,50,1e308\n", "line 2: g: expected a number, found '1e308'"),
        ("duration_ms,openings,g\n100,50," + "1" * 140_000, "expected a table (CSV), found something else (field"),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path, text, said):
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(RigError) as raised:
        read_weighed(path, LiquidScale())
    assert said in str(raised.value)
