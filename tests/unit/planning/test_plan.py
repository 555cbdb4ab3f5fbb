"""A plan's numbers are those that the day will have."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from closedloop.analysis.estimate import Estimate, mean_over_pairs
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.planning.assumed import AssumedReliability
from closedloop.planning.expectation import Contrast
from closedloop.planning.observed import ObservedDay, observe, tells_anything, tells_noise
from closedloop.planning.pace import PastSession, SessionPace
from closedloop.planning.past import Past
from closedloop.planning.plan import Plan, PlannedFor, make_plan, plan_of_protocol
from closedloop.planning.telling import days_in_words, hours_text, plan_lines, protocol_lines
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns
from tests.unit.planning.toy_days import N_SITES, USUAL, ToyDay, ToySubject, protocol

PACE = SessionPace(
    (PastSession(0, 3000, 0.3, 0.5), PastSession(1, 3000, 0.2, 0.4), PastSession(2, 1000, 0.25, 0.45)), 0.2
)


def planned(days: Sequence[ToyDay], day: int, *, own: Protocol | None = None, hours: float | None = None) -> Plan:
    past = Past(
        tuple(one.observed for one in days), PACE if days else SessionPace((), 0.2), tuple(range(N_SITES)), USUAL
    )
    return make_plan(own or USUAL, past, PlannedFor("m", simulated=True), day=day, hours=hours)


@pytest.fixture(scope="module")
def two_days() -> tuple[ToyDay, ...]:
    random = np.random.default_rng(1)
    subject = ToySubject.draw(random)
    return tuple(subject.day(number, size, random) for number, size in enumerate((0.0, 0.4)))


def test_expected_standard_errors_are_those_of_twenty_days() -> None:
    random, ratios, sites = np.random.default_rng(2), dict[float, list[float]](), list[float]()
    for _ in range(4):
        subject, days = ToySubject.draw(random), list[ToyDay]()
        for number, size in enumerate((0.0, 0.4, 0.5, 0.55, 0.6, 0.6)):
            plan = planned(days, number)
            days.append(subject.day(number, size, random))
            for one in plan.epsilons if number > 1 else ():
                measured = days[-1].estimate(one.epsilon)
                ratios.setdefault(one.epsilon, []).append(one.means[0].standard_error / measured.standard_error)
                assert (one.means[0].n_pairs, one.means[0].n_images) == (measured.n_pairs, measured.n_images)
                sites += [own.standard_error for own in one.sites]
    assert {epsilon: len(own) for epsilon, own in ratios.items()} == {2.5: 16, 10.0: 16}
    for own in ratios.values():
        assert np.mean(own) == pytest.approx(1, abs=0.1)
        assert np.abs(np.log(own)).max() < 0.35  # a day's own standard error is known within a tenth
    assert all(0.05 < error < 0.6 for error in sites)


def test_a_site_alone_is_expected_as_it_is_measured() -> None:
    random, found = np.random.default_rng(3), []
    for _ in range(5):
        subject = ToySubject.draw(random)
        days = [subject.day(number, 0.5, random) for number in (0, 1, 2)]
        (_, one) = planned(days[:2], 2).epsilons
        pairs = days[2].observed.by_epsilon[10.0].pairs
        for site, own in enumerate(one.sites):
            values = pairs.signed_change[pairs.site_index == site]
            found.append((own.standard_error, values.std(ddof=1) / math.sqrt(len(values))))
    expected, measured = np.mean(found, axis=0)
    assert expected == pytest.approx(measured, rel=0.1)


def test_the_power_of_growth_is_how_often_the_report_sees_it() -> None:
    random, n, sizes = np.random.default_rng(4), 150, (0.4, 0.52, 0.62)
    differences: dict[float, list[Estimate]] = {size: [] for size in sizes}
    contrasts: list[Contrast] = []
    for number in range(n):
        subject = ToySubject.draw(random)
        first = subject.day(1, 0.4, random)
        for size in sizes:
            differences[size].append(subject.day(3, size, random).growth_from(first, 10.0))
        if number % 10 == 0:
            (_, one) = planned([first, subject.day(2, 0.4, random)], 3).epsilons
            assert one.growth is not None
            contrasts.append(one.growth)
    one_of_them = differences[0.4][0]
    assert {(one.n_pairs, one.n_images) for one in contrasts} == {(one_of_them.n_pairs, one_of_them.n_images)}
    for size, found in differences.items():
        effect = np.mean([one.mean for one in found]) if size > 0.4 else 0.0  # known within a twelfth of its error
        seen = np.mean([not one.interval[0] <= 0 <= one.interval[1] for one in found])
        assert np.mean([one.power_of(float(effect)) for one in contrasts]) == pytest.approx(seen, abs=0.1)


def test_the_power_of_two_conditions_is_how_often_their_means_are_told_apart() -> None:
    random, n = np.random.default_rng(5), 150
    for size in (0.4, 0.6):
        found, contrasts = [], []
        for number in range(n):
            subject = ToySubject.draw(random)
            days = [subject.day(1, 0.4, random), subject.day(1, size, random)]
            found.append([half_of(day, half) for half, day in enumerate(days)])
            if number % 10 == 0:
                (_, one) = planned([subject.day(1, 0.4, random)], 2).epsilons
                assert one.conditions is not None
                contrasts.append(one.conditions)
        widths = [math.hypot(*(one.interval[1] - one.mean for one in pair)) for pair in found]
        differences = [after.mean - before.mean for before, after in found]
        seen = np.mean([abs(one) > width for one, width in zip(differences, widths, strict=True)])
        effect = float(np.mean(differences)) if size > 0.4 else 0.0
        assert np.mean([one.power_of(effect) for one in contrasts]) == pytest.approx(seen, abs=0.1)


def half_of(day: ToyDay, half: int) -> Estimate:
    """Return the estimate over every other image of a day."""
    pairs = day.observed.by_epsilon[10.0].pairs
    own = pairs.select(pairs.image_index % 2 == half)
    return mean_over_pairs(own.signed_change, image_index=own.image_index, site_index=own.site_index)


def test_growth_is_measured_from_the_first_fitted_day(two_days: tuple[ToyDay, ...]) -> None:
    plan = planned(two_days, 2)
    assert plan.growth_since == 1
    assert plan.days == (0, 1)
    assert list(plan.epsilons[0].by_day) == [2, 3, 4, 5]
    powers = list(plan.epsilons[1].by_day.values())
    assert powers == sorted(powers)


def test_growth_stands_on_the_anchor_pairs_that_both_days_have(two_days: tuple[ToyDay, ...]) -> None:
    fewer = protocol(attack={"anchors_per_site": 6})
    (_, one), (_, all_of_them) = planned(two_days, 2, own=fewer).epsilons, planned(two_days, 2).epsilons
    assert one.growth is not None
    assert all_of_them.growth is not None
    assert one.mean("anchors") is not None
    assert one.growth.n_pairs < 6 * N_SITES < all_of_them.growth.n_pairs == 8 * N_SITES
    assert one.growth.standard_error > all_of_them.growth.standard_error


def test_more_repetitions_and_images_lower_the_standard_error_as_they_must(two_days: tuple[ToyDay, ...]) -> None:
    def error(**attack: object) -> float:
        return planned(two_days, 2, own=protocol(attack=attack)).epsilons[0].means[0].standard_error

    as_it_is = error()
    assert error(anchors_per_site=8, fresh_images_per_site=8) < as_it_is
    assert error(repetitions=6) < error(repetitions=3) < as_it_is


def test_an_epsilon_that_was_never_shown_lies_between_its_neighbours(two_days: tuple[ToyDay, ...]) -> None:
    own = protocol(attack={"epsilons": [2.5, 5.0, 10.0]})
    plan = planned(two_days, 2, own=own)
    sizes, errors = ([getattr(one, name) for one in plan.epsilons] for name in ("size", "seen"))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors)
    assert any("Epsilon 5, not shown yet" in line for line in plan.assumptions)


def test_before_anything_is_recorded_every_number_is_said_to_be_assumed() -> None:
    plan = planned([], 0)
    assert (plan.days, plan.growth_since) == ((), None)
    assert len(plan.assumptions) == 3
    own = protocol()
    noise = 2 * (1 - 0.8)  # reliability .8 over two repetitions
    all_pairs = plan.epsilons[0].means[0]
    per_pair = noise / 4 + noise / 2
    assert all_pairs.standard_error > math.sqrt(per_pair / (10 * N_SITES)) * 0.99
    assert plan.hours.expected == pytest.approx(plan.hours.best)
    assert plan.n_presentations == 120 * 2 + 48 * 4 + own.images.normalizers * own.images.normalizer_repetitions + (
        10 * N_SITES * 2 * 2 + own.controls.n_images * 2 * 2 * own.controls.repetitions
    )


def test_an_assumed_noise_stays_however_often_images_are_shown() -> None:
    plan = plan_of_protocol(USUAL, day=1, hours=0.75 * plan_of_protocol(USUAL, day=1, hours=None).hours.expected)
    as_it_is = {one.epsilon: one.means[0].standard_error for one in plan.epsilons}
    lowered = [one for one in plan.alternatives if any("repetitions" in key for key in one.change)]
    assert lowered
    for one in plan.alternatives:
        assert all(error >= as_it_is[epsilon] - 1e-9 for epsilon, error in one.standard_errors.items())


def test_after_day_0_the_noise_is_observed_and_the_changes_are_assumed(two_days: tuple[ToyDay, ...]) -> None:
    plan = planned(two_days[:1], 1)
    assert plan.days == (0,)
    assert "the noise is that of day 0" in plan.assumptions[0]
    assert plan.epsilons[1].size == pytest.approx(0.045 * 10**1.15 / 2.7)


def quiet_day(n_sites: int = N_SITES) -> tuple[ObservedDay, np.ndarray]:
    """Return day 0 of a study that attacks nothing on it, with counts, and its noise by hand."""
    n_clean, n_repetitions = 40, 3
    random = np.random.default_rng(3)
    shown = random.normal(10, 2, (n_clean, 1, n_sites)) + random.normal(0, 1.5, (n_clean, n_repetitions, n_sites))
    shown[:, :, 1] *= 7  # another unit of rates is no other noise
    shown[0, 0, 2] = np.nan
    rows = [stimulus("clean", "clean", place, repetitions=n_repetitions) for place in range(n_clean)]
    stimuli = StimulusSet(stimulus_columns(rows), pixels(n_clean))
    sites = site_table(0, index_of={electrode: electrode for electrode in range(n_sites)}).chosen()
    index = np.repeat(np.arange(n_clean), n_repetitions)
    session = DayResponses(stimuli, sites, {"image_index": index}, shown.reshape(-1, n_sites))
    degrees = np.isfinite(shown).sum(axis=(0, 1)) - n_clean
    mean = np.nanmean(shown, axis=1, keepdims=True)
    noise = np.nansum((shown - mean) ** 2, axis=(0, 1)) / degrees / mean[:, 0].var(axis=0, ddof=1)
    return observe(session, day=0, reliability=np.full(n_sites, 0.6), used=0.9), noise


def test_a_day_without_attacks_tells_the_noise_and_no_reliability_is_assumed_after_it() -> None:
    day, noise = quiet_day()
    assert not tells_anything(day)
    assert tells_noise(day)
    np.testing.assert_allclose(day.noise, noise)
    own = protocol(attack={"first_day": 1})
    past = Past((), SessionPace((), 0.2), tuple(range(N_SITES)), own, quiet=(day,))
    plan = make_plan(own, past, PlannedFor("m", simulated=True), day=1, hours=None)
    assert plan.days == (0,)
    assert not any("Reliability" in line for line in plan.assumptions)
    assert "the noise is that of day 0, as its clean images repeated" in plan.assumptions[0]
    assert {site.reliability for site in plan.epsilons[0].sites} == {0.6}
    basis = past.basis(own, day=1, reliability=AssumedReliability(0.8, 2))
    np.testing.assert_allclose(basis.law.site_clean, noise)
    assert basis.law.clean == pytest.approx(noise.mean())
    assert basis.used == 0.9


def test_hours_are_those_of_the_median_pace(two_days: tuple[ToyDay, ...]) -> None:
    plan = planned(two_days, 2)
    hours = plan.hours
    assert [hours.best, hours.expected, hours.worst] == pytest.approx(
        [plan.n_presentations * s / 3600 for s in (0.4, 0.45, 0.5)]
    )
    assert hours.broken_fraction == pytest.approx((3000 * 0.3 + 3000 * 0.2 + 1000 * 0.25) / 7000)
    assert plan.fits
    assert plan.room == pytest.approx((10 - hours.expected) * 3600 / 0.45, abs=2)


def test_each_alternative_fits_as_it_says_and_names_its_standard_errors(two_days: tuple[ToyDay, ...]) -> None:
    wanted = 0.75 * planned(two_days, 2).hours.expected
    plan = planned(two_days, 2, hours=wanted)
    assert not plan.fits
    fitting = [one for one in plan.alternatives if one.fits]
    assert len(fitting) >= 2
    assert all(one.hours <= wanted for one in fitting)
    assert all(one.hours > wanted for one in plan.alternatives if not one.fits)
    as_it_is = {one.epsilon: one.means[0].standard_error for one in plan.epsilons}
    for one in plan.alternatives:
        again = planned(two_days, 2, own=changed(one.change))
        assert again.n_presentations == one.n_presentations < plan.n_presentations
        assert {each.epsilon: each.means[0].standard_error for each in again.epsilons} == one.standard_errors
        assert all(error >= as_it_is[epsilon] - 1e-9 for epsilon, error in one.standard_errors.items())
    n_missing = [2 - len(one.standard_errors) for one in fitting]
    assert n_missing == sorted(n_missing)
    errors = [np.mean(list(one.standard_errors.values())) for one in fitting if len(one.standard_errors) == 2]
    assert errors == sorted(errors)


def changed(change: dict[str, object]) -> Protocol:
    sections: dict[str, dict[str, object]] = {}
    for key, value in change.items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    return protocol(**sections)


def test_a_day_that_no_single_change_makes_short_enough_says_so(two_days: tuple[ToyDay, ...]) -> None:
    lines = plan_lines(planned(two_days, 2, hours=0.02))
    assert "Not enough alone:" in lines
    assert not any(one.fits for one in planned(two_days, 2, hours=0.01).alternatives)


def test_the_numbers_are_json_without_nan(two_days: tuple[ToyDay, ...]) -> None:
    for plan in (planned([], 0), planned(two_days, 2, hours=0.1), planned(two_days[:1], 1)):
        text = json.dumps(plan.as_json(), allow_nan=False)
        assert json.loads(text)["epsilons"][0]["means"][0]["standard_error"] == plan.epsilons[0].means[0].standard_error


def test_lines_say_what_is_assumed_and_which_test_is_meant(two_days: tuple[ToyDay, ...]) -> None:
    text = "\n".join(plan_lines(planned(two_days[:1], 1)))
    assert "SIMULATED" in text
    assert "Assumed: " in text
    assert "Student's t over images, two-sided at .05" in text
    assert "nan" not in text
    of_protocol = protocol_lines(plan_of_protocol(protocol(), day=1, hours=None))
    assert sum(line.startswith("Assumed: ") for line in of_protocol) == 3


def test_a_protocol_with_one_image_a_site_has_no_growth_to_tell() -> None:
    own = protocol(attack={"anchors_per_site": 0, "fresh_images_per_site": 1})
    plan = plan_of_protocol(own, day=1, hours=None)
    assert plan.epsilons[0].growth is None
    assert math.isnan(plan.epsilons[0].sites[0].standard_error)
    json.dumps(plan.as_json(), allow_nan=False)
    assert plan_lines(plan)


@pytest.mark.parametrize(
    ("days", "words"), [((), "no day"), ((3,), "day 3"), ((0, 1), "days 0 and 1"), ((0, 1, 2), "days 0 to 2")]
)
def test_days_in_words(days: tuple[int, ...], words: str) -> None:
    assert days_in_words(days) == words


def test_a_plan_says_how_many_images_levels_and_sites_its_ladders_show_and_how_long_they_take() -> None:
    shipped = read_protocol(shipped_protocols()["level_ladders"])
    plan = plan_of_protocol(shipped, day=1, hours=None)
    [ladders] = plan.ladders
    assert (ladders.n_images, ladders.n_sites, ladders.n_pairs, ladders.n_levels) == (20, 2, 40, 11)
    assert ladders.names == ("robust", "vanilla", "plain", "smooth")
    assert (ladders.n_made, ladders.n_presentations) == (1_760, 3_520)
    assert ladders.n_presentations == plan.presentations["arms"]
    [line] = [one for one in plan_lines(plan) if one.startswith("Levels: ")]
    assert "11 levels x 40 pairs of 20 images and 2 sites: 1,760 images, each shown 2 times, in 3,520 present" in line
    assert hours_text(plan.hours.expected * 3_520 / plan.n_presentations) in line
    assert line in protocol_lines(plan)
    assert plan_of_protocol(shipped, day=0, hours=None).ladders == ()
    assert "ladders" not in plan_of_protocol(shipped, day=0, hours=None).as_json()


def test_a_ladder_of_the_section_objectives_is_told_likewise() -> None:
    one = StatedObjective(name="up", kind="level", n_sites=2, n_images=3, targets=(0.0, 1.0), repetitions=5)
    plan = plan_of_protocol(USUAL.model_copy(update={"objectives": (one,)}), day=1, hours=None)
    [ladder] = plan.ladders
    assert (ladder.names, ladder.n_made, ladder.n_presentations) == (("up",), 12, 60)
    assert plan.presentations["objectives"] == 60
