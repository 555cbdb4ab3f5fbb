"""Model t + 1: what is fitted, what is held out, and where a closed-form start belongs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts.amended.exclusions import Exclusion, as_text
from closedloop.artifacts.catalog import COUNTS, FIT, MODEL
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.errors import StudyError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.site_model import SiteModel, predict
from closedloop.stages import refit
from closedloop.stages.context import StageContext
from tests.unit.days import context, pixels, stimulus, stimulus_columns, write_responses, write_stimuli
from tests.unit.messages import refused
from tests.unit.stages.small_models import N_SITES, write_model

ROWS = [
    *(stimulus("clean", "clean", place) for place in range(6)),
    *(stimulus("clean", "anchor", place) for place in range(6, 10)),
    *(stimulus("clean", "normalizer", place) for place in range(10, 13)),
    *(stimulus("attacked", "clean", place, site_index=0, epsilon=10.0) for place in (0, 1)),
    stimulus("attacked", "anchor", 6, site_index=0, epsilon=10.0),
    stimulus("gaussian", "anchor", 6, epsilon=10.0),
]
STILL = {"epochs": 1, "base_learning_rate": 1e-12, "readout_learning_rate": 1e-12, "weight_decay": 0.0}
BOUND = {5: 0, 8: 1, 9: None}


def answer(image_index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return counts of the electrodes that depend on the image, and a little on the showing."""
    base = np.random.default_rng(3).integers(5, 40, (len(ROWS), len(BOUND))).astype(float)
    return base[image_index] + np.arange(len(image_index))[:, None] % 2


def refitted(
    root: Path,
    *,
    day: int = 0,
    index_of: dict[int, int | None] = BOUND,
    decided: dict[str, str] | None = None,
    shown: slice = slice(None),
    **fit: Any,
) -> tuple[StageContext, SiteModel]:
    """Show everything twice on every day so far, or a part; return the stage's surroundings and model t."""
    made = replace(context(root, "refit", day=day, fit=STILL | fit), decided=decided or {})
    image_index = np.repeat(np.arange(len(ROWS)), 2)[shown]
    for past in range(day + 1):
        write_stimuli(made.paths, past, ROWS)
        counts = answer(image_index)
        counts[0] = np.nan  # one showing of the first image was lost
        write_responses(made.paths, past, image_index=image_index.tolist(), counts=counts, index_of=index_of)
    model = write_model(made.paths, day)
    refit.run(made)
    return made, model


def readout(model: SiteModel) -> NDArray[np.float32]:
    """Return the weights of all outputs on the features, (n_sites, channel x space)."""
    kernel = model.readout
    weights = kernel.gain[:, None, None, None] * kernel.channel[:, :, None, None] * kernel.spatial[:, None]
    return np.asarray(weights.detach().numpy().reshape(N_SITES, -1))


def report(made: StageContext) -> FitReport:
    return FitReport.read(made.output(FIT))


def test_clean_images_and_the_attacks_on_them_are_fitted_and_anchors_are_held_out(tmp_path: Path) -> None:
    made, _ = refitted(tmp_path, day=1)
    found = report(made)
    assert (found.n_fitted_by_day, found.n_stimuli, found.n_heldout) == ((8, 8), 16, 8)
    assert found.n_presentations == 2 * (8 * 2 - 1)
    assert (found.day, found.readout_start, len(found.loss_by_epoch)) == (1, "random", 1)


def test_an_output_without_an_electrode_has_no_correlation(tmp_path: Path) -> None:
    made, _ = refitted(tmp_path)
    found = report(made)
    assert [r is None for r in found.r_heldout] == [False, False, True]
    assert [r is None for r in found.r_fitted] == [False, False, True]


@pytest.mark.parametrize("day", [0, 1])
def test_a_random_start_goes_on_from_the_model_of_the_day_before(tmp_path: Path, day: int) -> None:
    made, before = refitted(tmp_path, day=day)
    after = load_site_model(made.output(MODEL))
    np.testing.assert_allclose(readout(after), readout(before), rtol=1e-5, atol=1e-7)


def test_a_closed_form_start_replaces_the_readout_of_bound_outputs_on_day_0(tmp_path: Path) -> None:
    """An output without an electrode keeps its random pattern."""
    made, before = refitted(tmp_path, readout_start="closed_form", ridge=1e-3)
    after = load_site_model(made.output(MODEL))
    moved = np.abs(readout(after) - readout(before)).max(axis=1)
    assert (moved[:2] > 1e-3).all()
    free = [weights[2] / np.linalg.norm(weights[2]) for weights in (readout(after), readout(before))]
    np.testing.assert_allclose(free[0], free[1], rtol=1e-4, atol=1e-6)
    assert min(r for r in report(made).r_fitted if r is not None) > 0.95


def test_and_on_no_other_day(tmp_path: Path) -> None:
    made, before = refitted(tmp_path, day=1, readout_start="closed_form", ridge=1e-3)
    after = load_site_model(made.output(MODEL))
    np.testing.assert_allclose(readout(after), readout(before), rtol=1e-5, atol=1e-7)


def test_responses_are_z_scored_by_the_days_normalizers(tmp_path: Path) -> None:
    """With hardly any ridge the closed form says what it was given: rates less the normalizers' mean, over their SD."""
    made, _ = refitted(tmp_path, readout_start="closed_form", ridge=1e-9)
    image_index = np.repeat(np.arange(len(ROWS)), 2)
    counts = answer(image_index)
    counts[0] = np.nan
    means = np.nanmean(counts.reshape(len(ROWS), 2, -1), axis=1)
    reference = means[10:13]
    expected = (means - reference.mean(axis=0)) / reference.std(axis=0, ddof=1)
    fitted = [*range(6), 13, 14]
    predicted = predict(load_site_model(made.output(MODEL)), pixels(len(ROWS)))
    np.testing.assert_allclose(predicted[fitted][:, :2], expected[fitted][:, :2], atol=0.05)


def test_a_refit_learns_what_it_is_shown(tmp_path: Path) -> None:
    made, _ = refitted(tmp_path, epochs=30, readout_learning_rate=0.05, base_learning_rate=1e-3)
    losses = report(made).loss_by_epoch
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 2


def test_days_without_a_usable_response_are_refused_in_a_line(tmp_path: Path) -> None:
    made = context(tmp_path, "refit", fit=STILL)
    write_stimuli(made.paths, 0, ROWS)
    counts = np.ones((len(ROWS), len(BOUND)))
    write_responses(made.paths, 0, image_index=list(range(len(ROWS))), counts=counts, index_of=BOUND)
    write_model(made.paths, 0)
    with refused(StudyError, made.path(COUNTS), "expected responses that differ", "found none"):
        refit.run(made)


def test_r_heldout_is_of_the_model_after_the_refit_on_the_anchors_as_its_description_says(tmp_path: Path) -> None:
    made, before = refitted(tmp_path, epochs=3, base_learning_rate=1e-3, readout_learning_rate=0.3)
    after, anchors, images = load_site_model(made.output(MODEL)), slice(6, 10), pixels(len(ROWS))
    measured = answer(np.repeat(np.arange(len(ROWS)), 2)).reshape(len(ROWS), 2, -1).mean(axis=1)[anchors]

    def r(model: SiteModel) -> list[float]:
        predicted = predict(model, images)[anchors]
        return [float(np.corrcoef(predicted[:, site], measured[:, site])[0, 1]) for site in (0, 1)]

    assert list(report(made).r_heldout[:2]) == pytest.approx(r(after), abs=1e-3)
    assert r(after) != pytest.approx(r(before), abs=1e-2)


@pytest.mark.parametrize("role", ["anchor", "normalizer"])
def test_the_held_out_images_are_named_as_what_they_are(role: str) -> None:
    rows = [stimulus("clean", "clean", 0), stimulus("clean", role, 1), stimulus("clean", "normalizer", 2)]
    stimuli = StimulusSet(stimulus_columns(rows), pixels(3))
    day = DayResponses(stimuli, sites=(), presentations={}, rates_hz=np.zeros((0, 0)))
    assert refit._held_out_images([day, day]) == f"{role}s of all days so far, never fitted"


def left_out(**values: Any) -> dict[str, str]:
    return {"left_out_of_fit": as_text([Exclusion.model_validate({"part": "fit", "from_day": 0} | values)])}


def test_a_site_that_is_left_out_keeps_its_place_and_is_not_fitted(tmp_path: Path) -> None:
    made, before = refitted(
        tmp_path, decided=left_out(thing="site", name="array1-005"), readout_learning_rate=0.1, weight_decay=0.0
    )
    found, after = report(made), load_site_model(made.output(MODEL))
    assert found.left_out == {"site array1-005": 2 * len(ROWS) - 1}
    assert (found.r_fitted[0], found.r_heldout[0]) == (None, None)
    assert found.r_fitted[1] is not None
    moved = np.abs(readout(after) - readout(before)).max(axis=1)
    assert moved[0] == pytest.approx(0, abs=1e-6)
    assert moved[1] > 1e-3


def test_a_day_that_is_left_out_is_not_fitted_and_the_others_are(tmp_path: Path) -> None:
    made, _ = refitted(tmp_path, day=1, decided=left_out(thing="day", from_day=0, to_day=0))
    found = report(made)
    assert found.n_fitted_by_day == (0, 8)
    assert list(found.left_out) == ["day 0"]


@pytest.mark.parametrize(("shown", "fitted"), [(slice(0, 22), False), (slice(0, 24), True)])
def test_of_a_day_that_ended_before_half_of_the_normalizers_nothing_is_fitted_and_the_model_stays(
    tmp_path: Path, shown: slice, fitted: bool
) -> None:
    """Rows 10 to 12 are the normalizers, each shown twice in a row."""
    made, before = refitted(tmp_path, decided={"closed_until": "[0]"}, shown=shown, readout_learning_rate=0.1)
    found, after = report(made), load_site_model(made.output(MODEL))
    assert (found.n_fitted_by_day[0] > 0) == fitted
    assert bool(found.days_not_fitted) != fitted
    if not fitted:
        assert found.days_not_fitted["0"].startswith("1 of the 3 images")
        assert found.loss_by_epoch == ()
        np.testing.assert_array_equal(readout(after), readout(before))


def test_the_closed_form_start_waits_for_the_first_day_that_is_fitted(tmp_path: Path) -> None:
    day_0 = left_out(thing="day", from_day=0, to_day=0)
    made, before = refitted(tmp_path, day=1, decided=day_0, readout_start="closed_form")
    after = load_site_model(made.output(MODEL))
    assert np.abs(readout(after)[:2] - readout(before)[:2]).max() > 1e-3
