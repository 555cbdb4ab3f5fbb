"""Refit: what it may change, what it may depend on, and that a kill costs nothing."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from closedloop.attacks.gradients.transforms import Shift
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, predict
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.training.end_to_end import RefitRecipe, Responses, held_out_correlation, refit
from closedloop.training.resumable import TrainingProgress, epoch_order
from closedloop.training.sharded.examples import shift_numbers

torch.set_num_threads(1)
N_SITES = 3
RECIPE = RefitRecipe(epochs=3, batch_size=16)


@functools.cache
def pictures(n: int, *, seed: int) -> np.ndarray:
    pool = ProceduralPool(seed=seed, n_per_category=20)
    images = pool.images()[:: max(600 // n, 1)][:n]
    return load_images(pool, tuple(image.image_id for image in images))


def site_model(*, seed: int = 1) -> SiteModel:
    return copy.deepcopy(_site_model(seed))


@functools.cache
def _site_model(seed: int) -> SiteModel:
    base = open_base_model("small_resnet_robust", layer="layer3.0")
    model = build_site_model(base, n_sites=N_SITES, side_px=32, seed=seed)
    calibrate_readout(model, pictures(60, seed=99))
    return model


def answers(n: int, *, seed: int) -> Responses:
    """Responses of a teacher: the same features, another readout."""
    images = pictures(n, seed=seed)
    return Responses(images, predict(site_model(seed=50), images), np.full(n, 2, dtype=np.float32))


def weights_of(model: SiteModel) -> dict[str, np.ndarray]:
    return {key: value.numpy().copy() for key, value in model.state_dict().items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(a[key], b[key]) for key in a)


def test_a_refit_learns_what_a_teacher_answers_and_says_how_well_on_held_out_images() -> None:
    model, train, held_out = site_model(), answers(200, seed=1), answers(60, seed=2)
    report = refit(model, train, held_out, recipe=dataclasses.replace(RECIPE, epochs=6), seed=3)
    assert report.losses[-1] < 0.5 * report.losses[0]
    assert np.nanmean(report.correlation_after) > np.nanmean(report.correlation_before) + 0.3
    expected = [
        stats.pearsonr(predict(model, held_out.images)[:, site], held_out.responses[:, site]).statistic
        for site in range(N_SITES)
    ]
    assert np.allclose(report.correlation_after, expected, atol=1e-5)
    assert report.n_images == 200


def test_batchnorm_keeps_its_statistics_while_base_and_readout_are_fitted() -> None:
    model = site_model()
    before = weights_of(model)
    refit(model, answers(40, seed=1), answers(10, seed=2), recipe=RECIPE, seed=3)
    changed = {key for key, value in weights_of(model).items() if not np.array_equal(value, before[key])}
    buffers = {key for key, _ in model.named_buffers()}
    assert any("running_mean" in key for key in buffers)
    assert changed == {key for key, _ in model.named_parameters()}
    assert not model.training


def test_a_base_rate_of_zero_leaves_the_base_model_as_it_was() -> None:
    model = site_model()
    before = weights_of(model)
    refit(
        model,
        answers(40, seed=1),
        answers(10, seed=2),
        recipe=dataclasses.replace(RECIPE, base_learning_rate=0.0),
        seed=3,
    )
    changed = {key for key, value in weights_of(model).items() if not np.array_equal(value, before[key])}
    assert changed == {"readout.channel", "readout.spatial", "readout.offset"}


def test_the_same_inputs_give_the_same_weights_and_another_seed_gives_others() -> None:
    results = []
    for seed in (3, 3, 4):
        model = site_model()
        refit(model, answers(40, seed=1), answers(10, seed=2), recipe=RECIPE, seed=seed)
        results.append(weights_of(model))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def moved(images: np.ndarray) -> np.ndarray:
    """Return images moved by a pixel along both axes, reflected at the border."""
    return np.pad(images, ((0, 0), (1, 0), (1, 0), (0, 0)), mode="reflect")[:, :-1, :-1]


def test_who_is_fitted_to_shifted_images_answers_alike_when_an_image_is_moved() -> None:
    train, held_out = answers(200, seed=1), answers(60, seed=2)
    differences, losses = [], []
    for shift in (0.0, 0.1):  # 3 pixels
        model = site_model()
        recipe = dataclasses.replace(RECIPE, epochs=6, shift=shift)
        losses.append(refit(model, train, held_out, recipe=recipe, seed=3).losses)
        here, there = (predict(model, images) for images in (held_out.images, moved(held_out.images)))
        differences.append(np.sqrt(np.mean((here - there) ** 2)))
    assert differences[1] < 0.9 * differences[0]
    assert losses[1][-1] > losses[0][-1]


def test_an_image_is_moved_by_its_own_draw_of_the_epoch_and_every_pixel_stays_a_pixel() -> None:
    images = torch.rand(40, 3, 32, 32)
    numbers = [shift_numbers(np.arange(40), seed=5, epoch=epoch) for epoch in (0, 0, 1)]
    shifted = [Shift(0.032)(images, one) for one in numbers]
    assert torch.equal(shifted[0], shifted[1])
    assert not torch.equal(shifted[0], shifted[2])
    some = np.array([7, 31])
    assert torch.equal(Shift(0.032)(images[some], shift_numbers(some, seed=5, epoch=0)), shifted[0][some])
    assert np.isin(shifted[0].numpy(), images.numpy()).all()


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("shift", [0.0, 0.1])
@pytest.mark.parametrize("killed_at_step", [1, 3, 4, 8])
def test_a_refit_that_was_killed_and_run_again_ends_with_the_same_weights(
    tmp_path: Path, killed_at_step: int, shift: float
) -> None:
    train, held_out = answers(40, seed=1), answers(10, seed=2)  # 3 steps an epoch, 3 epochs
    recipe, undisturbed = dataclasses.replace(RECIPE, shift=shift), site_model()
    whole = refit(undisturbed, train, held_out, recipe=recipe, seed=3)

    def kill(progress: TrainingProgress) -> None:
        if progress.step == killed_at_step:
            raise KilledError

    checkpoint = tmp_path / "refit.pt"
    with pytest.raises(KilledError):
        refit(site_model(), train, held_out, recipe=recipe, seed=3, checkpoint=checkpoint, progress=kill)
    model = site_model()
    report = refit(model, train, held_out, recipe=recipe, seed=3, checkpoint=checkpoint)
    assert same(weights_of(model), weights_of(undisturbed))
    assert report.resumed_from_epoch == (killed_at_step - 1) // 3
    assert dataclasses.replace(report, resumed_from_epoch=0).losses == whole.losses
    assert np.array_equal(report.correlation_before, whole.correlation_before)


def test_a_finished_refit_run_again_does_nothing_and_reports_the_same(tmp_path: Path) -> None:
    train, held_out, checkpoint = answers(40, seed=1), answers(10, seed=2), tmp_path / "refit.pt"
    first = site_model()
    refit(first, train, held_out, recipe=RECIPE, seed=3, checkpoint=checkpoint)
    again, steps = site_model(), []
    refit(again, train, held_out, recipe=RECIPE, seed=3, checkpoint=checkpoint, progress=steps.append)
    assert not steps
    assert same(weights_of(first), weights_of(again))


def test_a_state_left_by_another_refit_is_not_continued(tmp_path: Path) -> None:
    checkpoint, held_out = tmp_path / "refit.pt", answers(10, seed=2)
    refit(site_model(), answers(40, seed=7), held_out, recipe=RECIPE, seed=3, checkpoint=checkpoint)
    expected, model = site_model(), site_model()
    refit(expected, answers(40, seed=1), held_out, recipe=RECIPE, seed=3)
    report = refit(model, answers(40, seed=1), held_out, recipe=RECIPE, seed=3, checkpoint=checkpoint)
    assert report.resumed_from_epoch == 0
    assert same(weights_of(model), weights_of(expected))


def test_an_unreadable_state_is_refused_with_the_remedy(tmp_path: Path) -> None:
    checkpoint = tmp_path / "refit.pt"
    checkpoint.write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"refit\.pt.*Delete it"):
        refit(site_model(), answers(20, seed=1), answers(10, seed=2), recipe=RECIPE, seed=3, checkpoint=checkpoint)


def test_a_weight_of_two_counts_like_the_image_twice() -> None:
    whole = dataclasses.replace(RECIPE, epochs=4, batch_size=1000)
    once = answers(9, seed=1)
    doubled = np.r_[np.arange(9), 0, 1, 2]
    weights = np.r_[2, 2, 2, np.ones(6)].astype(np.float32)
    held_out, models = answers(10, seed=2), (site_model(), site_model())
    refit(models[0], dataclasses.replace(once, weights=weights), held_out, recipe=whole, seed=3)
    twice = Responses(once.images[doubled], once.responses[doubled], np.ones(12, dtype=np.float32))
    refit(models[1], twice, held_out, recipe=whole, seed=3)
    a, b = (predict(model, held_out.images) for model in models)
    assert np.allclose(a, b, atol=2e-3)
    assert not np.allclose(a, predict(site_model(), held_out.images), atol=2e-2)


def test_losses_are_means_over_images_of_squared_errors_weighted_with_mean_one() -> None:
    """With rates of zero nothing moves, so that the loss of each step is known beforehand."""
    model, train, seen = site_model(), answers(40, seed=1), []
    responses = np.where(np.random.default_rng(0).random(train.responses.shape) < 0.2, np.nan, train.responses)
    weights = np.random.default_rng(1).integers(1, 9, responses.shape).astype(np.float32)
    still = dataclasses.replace(RECIPE, epochs=1, base_learning_rate=0.0, readout_learning_rate=0.0, weight_decay=0.0)
    error = (predict(model, train.images).astype(float) - responses) ** 2
    usable = np.where(np.isfinite(responses), weights, 0)
    of_image = np.nan_to_num(usable / usable.mean() * error).mean(axis=1)
    train = Responses(train.images, responses.astype(np.float32), weights)
    report = refit(model, train, answers(10, seed=2), recipe=still, seed=3, progress=seen.append)
    order = epoch_order(40, seed=3, epoch=0)
    assert report.losses == pytest.approx([of_image.mean()], rel=1e-5)
    assert [one.loss for one in seen] == pytest.approx([of_image[order[:n]].mean() for n in (16, 32, 40)], rel=1e-5)


def test_an_unusable_entry_teaches_nothing_whatever_else_it_could_have_been() -> None:
    train, held_out = answers(40, seed=1), answers(10, seed=2)
    gaps, zero = train.responses.copy(), np.full(train.responses.shape, 2, dtype=np.float32)
    gaps[5:25, 1] = np.nan
    zero[5:25, 1] = 0
    wild = np.where(np.isnan(gaps), np.float32(1e4), gaps)
    results = []
    for responses, weights in ((gaps, train.weights), (wild, zero)):
        model = site_model()
        report = refit(model, Responses(train.images, responses, weights), held_out, recipe=RECIPE, seed=3)
        assert np.isfinite(report.losses).all()
        results.append(weights_of(model))
    assert same(*results)


def test_a_site_without_usable_held_out_images_has_no_correlation() -> None:
    held_out = answers(10, seed=2)
    responses = held_out.responses.copy()
    responses[:, 1] = np.nan
    found = held_out_correlation(site_model(), dataclasses.replace(held_out, responses=responses))
    assert np.isnan(found[1])
    assert np.isfinite(found[[0, 2]]).all()


def test_the_cosine_schedule_ends_smaller_steps_than_the_constant_one() -> None:
    train, held_out = answers(64, seed=1), answers(10, seed=2)
    moved = {}
    for schedule in ("constant", "cosine"):
        model = site_model()
        recipe = RefitRecipe(epochs=1, batch_size=1, schedule=schedule)  # type: ignore[arg-type]
        seen: list[np.ndarray] = []
        refit(
            model,
            train,
            held_out,
            recipe=recipe,
            seed=3,
            progress=lambda _, m=model, s=seen: s.append(m.readout.channel.detach().numpy().copy()),
        )
        moved[schedule] = np.abs(seen[-1] - seen[-2]).max() / np.abs(seen[1] - seen[0]).max()
    assert moved["cosine"] < 0.05 < moved["constant"]


@pytest.mark.parametrize(
    ("responses", "weights"),
    [
        (np.zeros((5, N_SITES + 1)), np.ones(5)),
        (np.zeros((4, N_SITES)), np.ones(4)),
        (np.full((5, N_SITES), np.nan), np.ones(5)),
        (np.zeros((5, N_SITES)), -np.ones(5)),
        (np.zeros((5, N_SITES)), np.zeros(5)),
    ],
)
def test_responses_that_do_not_fit_are_refused(responses: np.ndarray, weights: np.ndarray) -> None:
    train = Responses(pictures(5, seed=0), responses.astype(np.float32), weights.astype(np.float32))
    with pytest.raises(ValueError, match=r"responses: expected|weights: expected"):
        refit(site_model(), train, answers(10, seed=2), recipe=RECIPE, seed=3)
