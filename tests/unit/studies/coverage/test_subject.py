"""A simulated subject and its sessions: what is drawn, what is true of it, and that noise is what it is said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.errors import ProtocolError
from closedloop.stages.evaluate.pairs import measure, pairs_of
from closedloop.studies.coverage.session import SHAM, draw_images, simulate_session
from closedloop.studies.coverage.settings import CoverageStudy
from closedloop.studies.coverage.subject import BOUND, EARLY, LATE, SimulatedSubject, simulate_subject
from closedloop.studies.coverage.truths import know, predict_clean

STUDY = CoverageStudy(n_experiments=2, n_sites=6, images_per_site=4, n_anchors=8, n_clean=40, n_controls=4)


@pytest.fixture(scope="module")
def subject() -> SimulatedSubject:
    return simulate_subject(STUDY, 0)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_each_site_has_its_number_of_anchors_and_each_anchor_its_turns(subject: SimulatedSubject) -> None:
    drawn = draw_images(subject, STUDY, 0)
    site = subject.pair_site[drawn.pair]
    assert np.bincount(site).tolist() == [4] * 6
    assert np.bincount(drawn.place).tolist() == [3] * 8
    assert (subject.pair_image[drawn.pair] == drawn.anchor[drawn.place]).all()


def test_attacks_of_a_better_day_move_more_and_none_more_than_the_gradient(subject: SimulatedSubject) -> None:
    early, late, bound = know(subject, STUDY, 2).change.mean(axis=2)
    assert (early < late).all()
    assert (late < bound).all()
    assert (np.diff(bound) > 0).all()


def test_to_first_order_the_attained_part_is_the_cosine() -> None:
    certain = replace(STUDY, epsilons=(0.05, 0.1), cosines=(0.3, 0.6))
    change = know(simulate_subject(certain, 0), certain, 2).change.mean(axis=2)
    assert change[EARLY, 0] / change[BOUND, 0] == pytest.approx(0.3, abs=0.12)  # sites and pairs differ in cosine
    assert change[LATE, 0] / change[BOUND, 0] == pytest.approx(0.6, abs=0.12)


def test_sigma_is_the_sd_over_images_of_measured_means(subject: SimulatedSubject) -> None:
    many = replace(STUDY, n_clean=40)
    sigmas = [
        measure(
            simulate_session(
                subject, draw_images(subject, many, experiment), many, experiment=experiment, day=EARLY, n_repetitions=2
            ).day
        ).sigma_hz
        for experiment in range(6)
    ]
    # adaptation takes up to 12 % of every rate
    assert np.mean(sigmas / subject.sigma_hz(2)) == pytest.approx(0.95, abs=0.07)


def test_a_sham_is_the_clean_image_once_more(subject: SimulatedSubject) -> None:
    drawn = draw_images(subject, STUDY, 0)
    session = simulate_session(subject, drawn, STUDY, experiment=0, day=LATE, n_repetitions=2)
    pairs = pairs_of(session.day, measure(session.day), true_rates_hz=session.true_rates_hz)
    shams = pairs.select(role=SHAM)
    assert set(shams.kind.tolist()) == {"attacked", "gaussian"}
    assert (shams.true_change == 0).all()
    assert shams.change.std() > 0.1


def test_two_repetition_numbers_and_two_experiments_share_no_noise(subject: SimulatedSubject) -> None:
    drawn = draw_images(subject, STUDY, 0)
    one, other = (
        simulate_session(subject, drawn, STUDY, experiment=experiment, day=EARLY, n_repetitions=2)
        for experiment in (0, 1)
    )
    again = simulate_session(subject, drawn, STUDY, experiment=0, day=EARLY, n_repetitions=2)
    assert np.array_equal(one.day.rates_hz, again.day.rates_hz)
    noise = [measure(session.day).rates_hz - session.true_rates_hz for session in (one, other)]
    assert abs(_correlation(*(each.ravel() for each in noise))) < 0.3


def test_predictions_explain_what_they_are_said_to(subject: SimulatedSubject) -> None:
    for day, explained in ((EARLY, 0.25), (LATE, 0.7)):
        predicted = predict_clean(subject, STUDY, 0, day=day)
        for site, electrode in enumerate(subject.electrode):
            assert _correlation(predicted[:, site], subject.clean_hz[:, electrode]) ** 2 == pytest.approx(explained)


def test_the_cross_fitted_truth_is_the_mean_of_many_cross_fitted_sizes() -> None:
    from closedloop.analysis.repetitions import cross_fitted_size

    rng = np.random.default_rng(0)
    changed = 0.5 + rng.normal(size=(20_000, 2))
    clean = rng.normal(size=(20_000, 4))
    import math

    half_sd = math.sqrt(1 / 1 + 1 / 2)
    expected = 0.5 * math.erf(0.5 / half_sd / math.sqrt(2))
    assert cross_fitted_size(clean, changed).mean() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"repetitions": (1,)}, "at least 2"),
        ({"repetitions": (2, 2)}, "different numbers"),
        ({"epsilons": (10.0, 1.0)}, "ascending epsilons"),
        ({"images_per_site": 9}, "as many images a site as there are anchors"),
    ],
)
def test_a_design_that_cannot_be_is_refused(wrong: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        replace(STUDY, **wrong)  # type: ignore[arg-type]
