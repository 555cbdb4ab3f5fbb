"""Who is who: exchanged, dead, lost and retuned electrodes are found, drift and noise are not taken for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedloop.analysis.estimate import Floats
from closedloop.analysis.identity import ElectrodeIdentity, IdentityComparison, compare_identity
from closedloop.analysis.signatures import DayAnswers

N_IMAGES, N_ELECTRODES, REPETITIONS = 100, 24, 4
NOISE_HZ = 12.0
OTHER_HZ = 40 + 15 * np.random.default_rng(99).standard_normal((N_IMAGES, 1))


def tuning(seed: int = 0, *, n_images: int = N_IMAGES, n_electrodes: int = N_ELECTRODES) -> Floats:
    return 40 + 15 * np.random.default_rng(seed).standard_normal((n_images, n_electrodes))


def answers(rates_hz: Floats, *, seed: int, noise_hz: float = NOISE_HZ, names: list[str] | None = None) -> DayAnswers:
    """Return noisy repetitions of an electrode's rates, (n_images, n_electrodes)."""
    image = np.tile(np.arange(len(rates_hz)), REPETITIONS)
    noise = noise_hz * np.random.default_rng([seed, 7]).standard_normal((len(image), rates_hz.shape[1]))
    of = names or [f"e{electrode:02d}" for electrode in range(rates_hz.shape[1])]
    return DayAnswers(np.array(of), np.array([f"image {i:03d}" for i in image]), rates_hz[image] + noise)


def compared(now_hz: Floats, then_hz: Floats | None = None, **values: Any) -> IdentityComparison:
    return compare_identity(
        answers(tuning() if then_hz is None else then_hz, seed=0), answers(now_hz, seed=1, **values)
    )


def by_name(found: IdentityComparison) -> dict[str, ElectrodeIdentity]:
    return {one.neuroid_id: one for one in found.electrodes}


def states(found: IdentityComparison) -> dict[str, str]:
    """Return the states of those that are not the same."""
    return {one.neuroid_id: one.state for one in found.electrodes if one.state != "same"}


def test_electrodes_that_drift_and_change_their_gain_are_the_same() -> None:
    gain = np.random.default_rng(5).uniform(0.3, 3.0, N_ELECTRODES)
    drifted = tuning() + 0.4 * (tuning(seed=3) - 40)
    assert states(compared(drifted * gain, noise_hz=5.0)) == {}


def test_the_correlation_is_that_of_the_true_tunings_however_noisy_the_days() -> None:
    """Of many images, the mean over electrodes is the correlation that was made: noise alone would halve it."""
    true, n = 0.8, 4000
    then = tuning(n_images=n)
    now = 40 + true * (then - 40) + np.sqrt(1 - true**2) * (tuning(seed=2, n_images=n) - 40)
    found = compare_identity(answers(then, seed=0, noise_hz=30.0), answers(now, seed=1, noise_hz=30.0))
    r = np.array([one.correlation for one in found.electrodes], dtype=float)
    assert r.mean() == pytest.approx(true, abs=0.01)
    assert found.expected == pytest.approx(true, abs=0.02)


def test_the_standard_error_is_the_spread_over_repeated_days() -> None:
    true = 0.7
    then, other = tuning(n_electrodes=200), tuning(seed=2, n_electrodes=200)
    now = 40 + true * (then - 40) + np.sqrt(1 - true**2) * (other - 40)
    found = compare_identity(answers(then, seed=0), answers(now, seed=1)).electrodes
    r, error = (np.array([getattr(one, name) for one in found]) for name in ("correlation", "standard_error"))
    assert float(np.median(error)) == pytest.approx(r.std(), rel=0.15)


def test_two_exchanged_electrodes_are_each_taken_for_the_other() -> None:
    order = list(range(N_ELECTRODES))
    order[3], order[20] = 20, 3
    found = compared(tuning()[:, order])
    assert states(found) == {"e03": "moved", "e20": "moved"}
    assert (by_name(found)["e03"].partner, by_name(found)["e20"].partner) == ("e20", "e03")


def test_two_exchanged_electrodes_that_are_alike_are_found_too() -> None:
    then = tuning()
    then[:, 1] = 40 + 0.8 * (then[:, 0] - 40) + 0.6 * (then[:, 1] - 40)  # neighbours: r = .8, which would pass as drift
    order = [1, 0, *range(2, N_ELECTRODES)]
    assert states(compared(then[:, order], then, noise_hz=5.0)) == {"e00": "moved", "e01": "moved"}
    assert states(compared(then, then, noise_hz=5.0)) == {}


def test_a_shifted_connector_names_for_each_electrode_the_one_it_answers_as() -> None:
    found = by_name(compared(np.roll(tuning(), 1, axis=1)))
    assert {one.state for one in found.values()} == {"moved"}
    assert [found[f"e{e:02d}"].partner for e in range(3)] == [f"e{N_ELECTRODES - 1:02d}", "e00", "e01"]


def test_an_electrode_that_hears_other_cells_is_retuned_and_takes_nobodys_place() -> None:
    now = tuning()
    now[:, [4]] = OTHER_HZ
    found = compared(now)
    assert states(found) == {"e04": "retuned"}
    assert abs(by_name(found)["e04"].correlation or 1.0) < 0.4


def test_one_that_comes_to_answer_as_another_that_stays_has_not_moved() -> None:
    now = tuning()
    now[:, 4] = now[:, 5]  # a bridge between two contacts: nobody's place is free
    assert states(compared(now)) == {"e04": "retuned"}


@pytest.mark.parametrize("left_hz", [0.0, 0.5])
def test_a_silent_electrode_is_dead(left_hz: float) -> None:
    then, now = answers(tuning(), seed=0), answers(tuning(), seed=1)
    rates = now.rates_hz.copy()
    rates[:, 6] = left_hz * np.random.default_rng(4).poisson(1.0, len(rates))
    assert states(compare_identity(then, replace(now, rates_hz=rates))) == {"e06": "dead"}


def test_an_electrode_that_is_listed_and_gave_no_spike_all_day_is_dead_as_far_as_anybody_knows() -> None:
    now = tuning()
    now[:, 6] = np.nan  # ingest does not count an electrode without a single spike
    found = compared(now)
    assert states(found) == {"e06": "dead"}
    assert by_name(found)["e06"].rate_now_hz is None


def test_one_that_answers_as_a_quiet_electrode_did_has_moved_and_is_not_dead() -> None:
    then = tuning()
    then[:, 5] *= 0.05
    order = list(range(N_ELECTRODES))
    order[5], order[6] = 6, 5
    days = [answers(rates, seed=seed, noise_hz=0.5) for seed, rates in enumerate((then, then[:, order]))]
    assert states(compare_identity(*days)) == {"e05": "moved", "e06": "moved"}


def test_a_raised_threshold_kills_nobody_who_still_answers() -> None:
    now = tuning()
    now[:, 6] *= 0.05
    then, today = answers(tuning(), seed=0), answers(now, seed=1)
    rates = today.rates_hz.copy()
    rates[:, 6] = 0.05 * answers(tuning(), seed=2).rates_hz[:, 6]
    assert states(compare_identity(then, replace(today, rates_hz=rates))) == {}


def test_an_electrode_that_fires_without_regard_to_the_images_is_mostly_lost_and_never_the_same() -> None:
    now = tuning()
    now[:, 8] = 40.0
    then = answers(tuning(), seed=0)
    found = [by_name(compare_identity(then, answers(now, seed=day)))["e08"].state for day in range(10, 30)]
    assert not {"same", "moved", "dead"} & set(found)  # by chance noise looks like a tuning, which then is another
    assert found.count("lost") >= 10


def test_an_electrode_that_was_not_recorded_is_missing_and_its_place_can_be_taken() -> None:
    now = np.delete(tuning(), 2, axis=1)
    names = [f"e{e:02d}" for e in range(N_ELECTRODES) if e != 2]
    assert states(compared(now, names=names)) == {"e02": "missing"}
    now[:, 0] = tuning()[:, 2]
    found = compared(now, names=names)
    assert states(found) == {"e00": "moved", "e02": "missing"}
    assert by_name(found)["e00"].partner == "e02"


def test_an_electrode_that_was_noise_before_cannot_be_told() -> None:
    then = tuning()
    then[:, 9] = 40.0
    assert states(compared(tuning(), then)) == {"e09": "unknown"}


def test_what_excites_the_whole_array_hides_no_exchange() -> None:
    common = 60 * np.random.default_rng(9).standard_normal((N_IMAGES, 1))
    order = list(range(N_ELECTRODES))
    order[3], order[20] = 20, 3
    assert states(compared(tuning()[:, order] + common, tuning() + common)) == {"e03": "moved", "e20": "moved"}


def test_few_images_tell_nobody_from_others() -> None:
    few = tuning()[:8]
    found = compared(np.roll(few, 1, axis=1), few)
    assert (found.n_images, found.expected) == (8, None)
    assert {one.state for one in found.electrodes} == {"unknown"}


def test_days_without_a_common_image_say_nothing() -> None:
    then, now = answers(tuning(), seed=0), answers(tuning(), seed=1)
    other = replace(now, stimulus_id=np.array([f"other {name}" for name in now.stimulus_id]))
    found = compare_identity(then, other)
    assert (found.n_images, {one.state for one in found.electrodes}) == (0, {"unknown"})


def test_images_that_a_processor_did_not_record_leave_its_electrodes_comparable() -> None:
    then, now = answers(tuning(), seed=0), answers(tuning(), seed=1)
    rates = now.rates_hz.copy()
    rates[np.ix_(np.char.endswith(now.stimulus_id, "7"), np.arange(8))] = np.nan  # a tenth, on a third of them
    found = compare_identity(then, replace(now, rates_hz=rates))
    assert (found.n_images, states(found)) == (N_IMAGES, {})


def test_the_order_of_presentations_and_electrodes_decides_nothing() -> None:
    then, now = answers(tuning(), seed=0), answers(tuning(seed=0), seed=1)
    rows, columns = (np.random.default_rng(2).permutation(n) for n in now.rates_hz.shape)
    turned = DayAnswers(now.neuroid_id[columns], now.stimulus_id[rows], now.rates_hz[np.ix_(rows, columns)])
    one, other = (compare_identity(then, day).electrodes for day in (now, turned))
    assert [each.state for each in one] == [each.state for each in other]
    np.testing.assert_allclose([e.correlation or 0 for e in one], [e.correlation or 0 for e in other], rtol=1e-9)
