"""What attacks attain of the white-box bound: on the same pairs, by the sealed sign, with an interval."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from closedloop.artifacts import catalog
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.stages.evaluate.attained import attained_fractions
from closedloop.stages.evaluate.pairs import ImagePairs, measure, pairs_of
from closedloop.stages.evaluate.white_box import AttackWork, WhiteBoxAttacks, WhiteBoxItems, attack_cortex
from tests.unit.stages.evaluate.small_days import small_day
from tests.unit.stages.evaluate.test_run import SMALL_SIDE_PX, evaluated

N_IMAGES, N_SITES = 16, 8


def drawn_pairs(seed: int) -> tuple[ImagePairs, WhiteBoxAttacks]:
    """Return anchors attacked at two epsilons, in the stage's order, and fresh images that count for nothing."""
    rng = np.random.default_rng(seed)
    image, site, epsilon = (
        one.ravel() for one in np.meshgrid(np.arange(N_IMAGES), np.arange(N_SITES), [1.0, 10.0], indexing="ij")
    )
    bound = rng.gamma(4.0, 0.1 * epsilon) * rng.choice([-1, 1], len(epsilon))
    sign = rng.choice([-1, 1], len(epsilon))
    true = sign * np.abs(bound) * np.where(epsilon == 1, 0.2, 0.5) * rng.uniform(0.5, 1.5, len(epsilon))
    n = len(epsilon) + 1
    one_more = {"role": "clean", "kind": "attacked", "epsilon": 1.0, "true_change": 99.0, "predicted_sign": 1}
    made = pairs_of(small_day(), measure(small_day()), true_rates_hz=None)
    columns = {field.name: np.zeros(n, dtype=getattr(made, field.name).dtype) for field in dataclasses.fields(made)}
    own = {"clean_index": image, "site_index": site, "epsilon": epsilon, "true_change": true, "predicted_sign": sign}
    for name, column in columns.items():
        if name in own:
            column[:-1] = own[name]
    columns["kind"], columns["role"] = np.array(["attacked"] * n), np.array(["anchor"] * (n - 1) + ["clean"])
    for name, value in one_more.items():
        columns[name][-1] = value
    items = WhiteBoxItems(image, site, epsilon, "anchors")
    return ImagePairs(**columns), WhiteBoxAttacks(items, bound)


def test_the_fraction_is_of_the_means_of_the_same_pairs_at_each_epsilon() -> None:
    pairs, white_box = drawn_pairs(0)
    found = attained_fractions(white_box, pairs, seed=1)
    assert [one.epsilon for one in found] == [1.0, 10.0]
    for one in found:
        own = white_box.items.epsilon == one.epsilon
        moved = (pairs.predicted_sign * pairs.true_change)[:-1][own].mean()
        bound = np.abs(white_box.change[own]).mean()
        assert one.fraction == pytest.approx(moved / bound, abs=1e-4)
        assert (one.true, one.white_box) == (pytest.approx(moved, abs=1e-4), pytest.approx(bound, abs=1e-4))
        assert (one.n_pairs, one.n_images, one.n_sites, one.image_set) == (N_IMAGES * N_SITES, 16, 8, "anchors")
        assert one.interval_low is not None
        assert one.interval_high is not None
        assert one.interval_low < one.fraction < one.interval_high


def test_an_attack_that_moves_its_site_the_wrong_way_counts_against() -> None:
    pairs, white_box = drawn_pairs(0)
    turned = dataclasses.replace(pairs, predicted_sign=-pairs.predicted_sign)
    for one, other in zip(
        attained_fractions(white_box, pairs, seed=1), attained_fractions(white_box, turned, seed=1), strict=True
    ):
        assert one.fraction is not None
        assert other.fraction == -one.fraction


def test_the_interval_is_decided_by_the_seed_and_narrows_with_the_spread_of_the_pairs() -> None:
    pairs, white_box = drawn_pairs(0)
    assert attained_fractions(white_box, pairs, seed=1) == attained_fractions(white_box, pairs, seed=1)
    exact = dataclasses.replace(
        pairs, true_change=np.r_[0.3 * pairs.predicted_sign[:-1] * np.abs(white_box.change), 99.0]
    )
    for one in attained_fractions(white_box, exact, seed=1):
        assert (one.fraction, one.interval_low, one.interval_high) == (0.3, 0.3, 0.3)


def test_pairs_that_were_not_attacked_again_are_refused() -> None:
    pairs, white_box = drawn_pairs(0)
    with pytest.raises(ValueError, match="attacked again"):
        attained_fractions(white_box, pairs.select(epsilon=1.0), seed=1)


def test_a_session_without_attacks_attains_nothing_and_asks_no_cortex(tmp_path: Path) -> None:
    day = small_day()
    columns = {name: column[:4] for name, column in day.stimuli.columns.items()}  # the clean images
    clean = dataclasses.replace(day, stimuli=StimulusSet(columns, day.stimuli.images[:4]))
    work = AttackWork("auto", None, tmp_path, lambda _done, _total: None)
    white_box = attack_cortex(
        InMemory(torch.nn.Identity(), "none"), clean, sigma=np.ones(2), seed=0, search=COSINE, work=work
    )
    pairs, _ = drawn_pairs(0)
    assert white_box.rows() == []
    assert attained_fractions(white_box, pairs.select(kind="none"), seed=0) == ()


def test_a_simulated_day_says_what_it_attained_and_a_real_one_nothing(tmp_path: Path) -> None:
    simulated = evaluated(tmp_path / "simulated", side_px=SMALL_SIDE_PX)
    (one,) = catalog.EVALUATION.read(simulated.output(catalog.EVALUATION)).attained
    pairs = catalog.PAIRS.read(simulated.output(catalog.PAIRS))
    anchor = (pairs["kind"] == "attacked") & (pairs["role"] == "anchor")
    assert one.true == pytest.approx(float((pairs["predicted_sign"] * pairs["true_change"])[anchor][0]), abs=1e-4)
    assert one.interval_low is None  # of a single image
    real = evaluated(tmp_path / "real", simulated=False)
    assert b'"attained"' not in real.output(catalog.EVALUATION).read_bytes()
