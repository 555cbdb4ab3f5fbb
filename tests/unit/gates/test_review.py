"""What the gates of the fit and of the evaluation say: better than before, above controls, whichever way estimated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import EvaluationReport, MapFit
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.gates.review.channel_map import map_fit
from closedloop.gates.review.refit import refit_better
from closedloop.gates.review.sensitivity import estimators_agree, sensitivity_controls
from closedloop.models.checkpoints import save_site_model
from closedloop.models.site_model import SiteModel, predict
from tests.unit.days import pixels, stimulus, write_stimuli
from tests.unit.gates.recorded_days import WINDOW_S, Floats, Recorded, write_counts
from tests.unit.stages.small_models import N_SITES, small_model

N_ANCHORS = 24
EPSILON = 10.0


def site_table(n_sites: int) -> SiteTable:
    """Return a table of electrodes that all are sites."""
    sites = tuple(
        Site(
            neuroid_id=f"array1-{i + 1:03d}",
            electrode_id=i + 1,
            reliability=0.8,
            mean_rate_hz=40.0,
            sigma_hz=10.0,
            site_index=i,
        )
        for i in range(n_sites)
    )
    return SiteTable(simulated=True, day=0, sites=sites)


def fitted(
    tmp_path: Path, *, day: int, before: Floats, after: SiteModel, measured: Floats, role: str = "anchor"
) -> Recorded:
    """Return a study with a day whose sealed predictions, refitted model and responses to anchors these are."""
    study = Recorded(tmp_path)
    rows = [stimulus("clean", role, i) for i in range(len(measured))]
    write_stimuli(study.paths, day, rows)
    write_counts(study.paths, day, np.arange(len(measured)), (60 + 8 * measured) * WINDOW_S)
    for file, content in ((catalog.SITES, site_table(N_SITES)), (catalog.PREDICTIONS, {"predicted": before})):
        file.write(file.published(study.paths, day), content, simulated=True)  # type: ignore[arg-type]
    place = catalog.MODEL.published(study.paths, day + 1)
    place.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(place, after)
    return study


def answers(model: SiteModel, n: int = N_ANCHORS) -> Floats:
    """Return what a model says of the first images, z-scored over them."""
    said = predict(model, pixels(n)).astype(np.float64)
    return np.asarray((said - said.mean(axis=0)) / said.std(axis=0))


def noise(seed: int, n: int = N_ANCHORS) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, N_SITES))


def test_a_refit_that_helps_passes_with_its_interval(tmp_path: Path) -> None:
    model = small_model()
    truth = answers(model)
    study = fitted(tmp_path, day=1, before=truth + noise(1), after=model, measured=truth + 0.5 * noise(2))
    found = study.ask(refit_better, 1)
    values = {name: value or 0.0 for name, value in found.values.items()}
    assert found.level == "PASS"
    assert 0 < values["interval_low"] < values["change"] < values["interval_high"] < 1
    expected = np.mean([np.corrcoef((truth + 0.5 * noise(2))[:, i], truth[:, i])[0, 1] for i in range(N_SITES)])
    assert values["r_after"] == pytest.approx(expected, abs=1e-4)


def test_a_refit_that_is_surely_worse_holds(tmp_path: Path) -> None:
    truth = answers(small_model())
    worse = small_model(seed=2)
    study = fitted(tmp_path, day=1, before=truth, after=worse, measured=truth + 0.3 * noise(2))
    found = study.ask(refit_better, 1)
    assert found.level == "HOLD"
    assert (found.values["interval_high"] or 0.0) < -0.03


def test_a_small_loss_warns(tmp_path: Path) -> None:
    model = small_model()
    truth = answers(model)
    study = fitted(tmp_path, day=1, before=truth + 0.1 * noise(2), after=model, measured=truth + 0.6 * noise(2))
    found = study.ask(refit_better, 1)
    assert found.level == "WARN"
    assert -0.2 < (found.values["change"] or 0.0) < -0.01


def test_a_model_that_predicts_nothing_holds_on_any_day_whatever_was_before(tmp_path: Path) -> None:
    model = small_model()
    for day in (0, 1):
        measured = -answers(model)
        study = fitted(tmp_path / str(day), day=day, before=-measured, after=model, measured=measured)
        found = study.ask(refit_better, day)
        assert found.level == "HOLD"
        assert found.values["change"] == pytest.approx(0.0, abs=1e-6)


def test_a_model_that_says_the_same_of_all_images_predicts_nothing(tmp_path: Path) -> None:
    model = small_model()
    truth = answers(model)
    model.load_state_dict(
        {name: value * 0 if "readout" in name else value for name, value in model.state_dict().items()}
    )
    study = fitted(tmp_path, day=1, before=truth, after=model, measured=truth)
    assert study.ask(refit_better, 1).values["r_after"] == 0.0


def test_a_protocol_without_anchors_is_judged_on_its_normalizers(tmp_path: Path) -> None:
    model = small_model()
    truth = answers(model)
    study = fitted(tmp_path, day=1, before=noise(1), after=model, measured=truth, role="normalizer")
    assert study.ask(refit_better, 1).level == "PASS"
    assert study.ask(refit_better, 1).values["n_images"] == N_ANCHORS


def test_a_few_held_out_images_judge_nobody(tmp_path: Path) -> None:
    model = small_model()
    few = answers(model, 5)
    found = fitted(tmp_path, day=1, before=few, after=model, measured=-few).ask(refit_better, 1)
    assert (found.level, found.values) == ("PASS", {})


def attacked(
    tmp_path: Path,
    *,
    size: float,
    right: float = 1.0,
    control: float = 0.0,
    n_images: int = N_ANCHORS,
    day: int = 1,
    noise_of: float = 0.3,
    fit: MapFit | None = None,
) -> Recorded:
    """Return a study whose attacks of epsilon 10 moved every site by a size in sigma, up or down.

    Parameters
    ----------
    tmp_path
        Where.
    size, control
        What attacks, and controls, did, in sigma.
    right
        Part of the signs that are sealed as they turn out.
    n_images
        Anchors, each attacked at every site, each with two controls.
    day
        Which.
    noise_of
        SD of a single response, in sigma.
    fit
        What evaluation found of the channel map.
    """
    random = np.random.default_rng(5)
    study = Recorded(tmp_path, {"attack": {"epsilons": [EPSILON]}})
    rows = [stimulus("clean", "anchor", i) for i in range(n_images)]
    effect = [np.zeros(N_SITES) for _ in rows]
    for image in range(n_images):
        for site in range(N_SITES):
            sign = int(random.choice([-1, 1]))
            sealed = sign if random.random() < right else -sign
            values = {"site_index": site, "epsilon": EPSILON, "predicted_sign": sealed}
            rows.append(stimulus("attacked", "anchor", image, **values))
            effect.append(np.where(np.arange(N_SITES) == site, sign * size, 0.0))
        for kind in ("gaussian", "linear"):
            rows.append(stimulus(kind, "anchor", image, epsilon=EPSILON))
            effect.append(control * random.choice([-1.0, 1.0], N_SITES))
    write_stimuli(study.paths, day, rows)
    image_index = np.tile(np.arange(len(rows)), 2)
    responses = np.array(effect)[image_index] + noise_of * random.standard_normal((len(image_index), N_SITES))
    write_counts(study.paths, day, image_index, (60 + 10 * responses) * WINDOW_S)
    catalog.SITES.write(catalog.SITES.published(study.paths, day), site_table(N_SITES), simulated=True)
    evaluation = EvaluationReport.model_construct(
        simulated=True,
        day=day,
        n_sites=N_SITES,
        n_attacked=1,
        epsilons=(),
        sigma_hz={site.neuroid_id: 10.0 for site in site_table(N_SITES).sites},
        sigma_corrected_hz={},
        r_predicted={},
        reliability={},
        preferred_hz={},
        random_pair=None,
        examples=(),
        rasters=(),
        map_fit=fit,
    )
    catalog.EVALUATION.write(catalog.EVALUATION.published(study.paths, day), evaluation, simulated=True)
    return study


def test_attacks_above_their_controls_pass_both(tmp_path: Path) -> None:
    study = attacked(tmp_path, size=0.8)
    above = study.ask(sensitivity_controls, 1)
    agree = study.ask(estimators_agree, 1)
    assert (above.level, agree.level) == ("PASS", "PASS")
    assert above.values["attacked"] == pytest.approx(0.8, abs=0.1)
    assert above.values["gaussian"] == pytest.approx(0.0, abs=0.1)
    assert agree.values["by_sign"] == pytest.approx(0.8, abs=0.1)


def test_attacks_that_do_no_more_than_their_controls_hold(tmp_path: Path) -> None:
    study = attacked(tmp_path, size=0.3, control=0.3)
    assert study.ask(sensitivity_controls, 1).level == "HOLD"


def test_attacks_that_do_nothing_hold(tmp_path: Path) -> None:
    assert attacked(tmp_path, size=0.0).ask(sensitivity_controls, 1).level == "HOLD"


def test_where_an_effect_worth_having_is_not_excluded_it_only_warns(tmp_path: Path) -> None:
    study = attacked(tmp_path, size=0.0, noise_of=3.0)
    found = study.ask(sensitivity_controls, 1)
    assert found.level == "WARN"
    assert (found.values["at_most_sigma"] or 0.0) > 0.25


@pytest.mark.parametrize(("right", "level"), [(1.0, "PASS"), (0.7, "WARN"), (0.5, "HOLD"), (0.0, "HOLD")])
def test_signs_that_are_wrong_hold(tmp_path: Path, right: float, level: str) -> None:
    study = attacked(tmp_path, size=1.0, right=right, n_images=60)
    assert study.ask(estimators_agree, 1).level == level
    assert study.ask(sensitivity_controls, 1).level == "PASS"


GATES: list[Callable[..., object]] = [sensitivity_controls, estimators_agree]


@pytest.mark.parametrize("gate", GATES)
def test_day_0s_attacks_are_not_judged(tmp_path: Path, gate: Callable[..., object]) -> None:
    found = attacked(tmp_path, size=0.0, right=0.5, day=0).ask(gate, 0)  # type: ignore[arg-type]
    assert found.level == "PASS"
    assert "day 0" in found.found


@pytest.mark.parametrize("gate", GATES)
def test_a_few_images_are_not_judged(tmp_path: Path, gate: Callable[..., object]) -> None:
    found = attacked(tmp_path, size=1.0, right=0.0, control=1.0, n_images=5).ask(gate, 1)  # type: ignore[arg-type]
    assert (found.level, found.values) == ("PASS", {})


def own_map(p: float | None) -> MapFit:
    """Return what evaluation finds where so many random orders of the sites fit as well."""
    return MapFit(r_own=0.61, r_other=0.12, p=p, n_sites=21, rings=p is None or p > 0.01)


@pytest.mark.parametrize(
    ("fit", "level"), [(own_map(0.0), "PASS"), (own_map(0.01), "PASS"), (own_map(0.2), "WARN"), (own_map(None), "PASS")]
)
def test_sites_that_do_not_answer_as_predicted_for_them_warn(tmp_path: Path, fit: MapFit, level: str) -> None:
    found = attacked(tmp_path, size=1.0, fit=fit).ask(map_fit, 1)
    assert found.level == level
    assert (found.values == {}) == (fit.p is None)
    assert ("of their own sites 0.61, of the 20 others 0.12" in found.found) == (fit.p is not None)


def test_a_map_is_not_judged_by_day_0s_model_nor_by_an_evaluation_of_an_older_version(tmp_path: Path) -> None:
    first = attacked(tmp_path / "first", size=0.0, day=0, fit=own_map(0.5)).ask(map_fit, 0)
    older = attacked(tmp_path / "older", size=0.0).ask(map_fit, 1)
    assert (first.level, older.level) == ("PASS", "PASS")
    assert "day 0" in first.found
    assert "not known" in older.found
