from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from closedloop.errors import CheckpointError
from closedloop.simulation.cortex.electrodes import CortexBiology, draw_electrodes, tuning_on
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.network import CortexNetwork
from closedloop.simulation.cortex.training import (
    CortexRecipe,
    TrainedCortex,
    load_cortex_network,
    save_cortex_network,
    train_cortex_network,
)
from closedloop.stimuli.pools import ProceduralPool, load_images

torch.set_num_threads(1)

BIOLOGY = CortexBiology()


@cache
def cortex() -> HiddenCortex:
    return HiddenCortex(seed=3)


@cache
def clean_images() -> NDArray[np.uint8]:
    pool = ProceduralPool(seed=77, n_per_category=6)
    return load_images(pool, tuple(image.image_id for image in pool.images()))


@cache
def rates(day: int) -> NDArray[np.float64]:
    return cortex().rates_hz(clean_images(), day=day)


def test_rates_lie_between_silence_and_the_papers_highest_and_average_near_72() -> None:
    assert rates(0).shape == (180, 96)
    assert rates(0).dtype == np.float64
    assert rates(0).min() >= 0.3
    assert rates(0).max() <= 316 * np.exp(4 * BIOLOGY.gain_drift)
    assert 55 < rates(0).mean() < 90


def test_some_electrodes_are_poor_and_some_are_good() -> None:
    spread = rates(0).std(axis=0)
    assert np.sum(spread < 8) >= 12
    assert np.sum(spread > 40) >= 21


def test_the_baseline_on_grey_is_8_to_10_hz_on_average() -> None:
    baselines = [HiddenCortex(seed).baseline_rate_hz for seed in range(20)]
    assert 8 < np.mean(baselines) < 10
    assert np.min(baselines) > 0


def test_an_images_rates_do_not_depend_on_its_neighbours() -> None:
    images = clean_images()
    assert np.array_equal(cortex().rates_hz(images[70:73], day=0), rates(0)[70:73])
    assert cortex().rates_hz(images[:0], day=0).shape == (0, 96)


def test_what_was_answered_before_decides_no_answer() -> None:
    subject, images = HiddenCortex(seed=3), clean_images()
    first = subject.rates_hz(images[:130], day=0)
    first[:] = 0.0  # whoever asked may change what they got
    for asked, day in (
        (images[:130], 0),
        (images[:130], 1),
        (images[64:130], 1),
        (images[128:130], 0),
        (images[64:], 0),
    ):
        expected = HiddenCortex(seed=3).rates_hz(asked, day=day)
        assert np.array_equal(subject.rates_hz(asked, day=day), expected)


def test_the_response_model_tells_the_same_truth() -> None:
    images = torch.from_numpy(np.moveaxis(clean_images()[:8], -1, 1) / np.float32(255))
    with torch.no_grad():
        told = cortex().response_model(2)(images).numpy()
    np.testing.assert_allclose(told, rates(2)[:8], rtol=1e-4, atol=1e-3)


def test_the_response_models_gradient_is_the_slope_of_its_rates() -> None:
    model = cortex().response_model(0)
    image = torch.from_numpy(np.moveaxis(clean_images()[:1], -1, 1) / np.float32(255)).requires_grad_()
    electrode = int(np.argmax(rates(0).std(axis=0)))
    (gradient,) = torch.autograd.grad(model(image)[0, electrode], image)
    step = 0.02 * gradient / gradient.norm()
    with torch.no_grad():
        slope = (model(image + step) - model(image - step))[0, electrode] / 0.04
    assert float(slope) == pytest.approx(float(gradient.norm()), rel=0.05)
    assert all(not parameter.requires_grad for parameter in model.parameters())


def test_a_larger_photograph_is_averaged_over_areas_and_keeps_gradients() -> None:
    small = clean_images()[:3]
    large = small.repeat(7, axis=1).repeat(7, axis=2)
    np.testing.assert_allclose(cortex().rates_hz(large, day=0), rates(0)[:3], rtol=1e-4, atol=1e-3)
    image = torch.rand(1, 3, 100, 100, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(cortex().response_model(0)(image).sum(), image)
    assert float(gradient.abs().sum()) > 0


def test_two_cortices_of_one_seed_agree_and_of_two_seeds_do_not() -> None:
    images = clean_images()[:20]
    assert np.array_equal(HiddenCortex(seed=3).rates_hz(images, day=1), rates(1)[:20])
    assert not np.allclose(HiddenCortex(seed=4).rates_hz(images, day=1), rates(1)[:20], rtol=0.2)


@pytest.mark.parametrize("day", [1, 4])
def test_a_night_turns_the_tuning_by_a_tenth_of_a_radian(day: int) -> None:
    electrodes = draw_electrodes(BIOLOGY, seed=5, n_electrodes=40)
    before, after = (tuning_on(electrodes, BIOLOGY, seed=5, day=d) for d in (day - 1, day))
    for a, b in ((before.mixture, after.mixture), (before.partner, after.partner)):
        np.testing.assert_allclose((a * b).sum(axis=1), np.cos(0.10), rtol=1e-9)


def test_gains_spread_by_eight_percent_over_days() -> None:
    electrodes = draw_electrodes(BIOLOGY, seed=5, n_electrodes=96)
    log_gain = np.log([tuning_on(electrodes, BIOLOGY, seed=5, day=day).gain for day in range(30)])
    assert log_gain.std() == pytest.approx(0.08, rel=0.06)
    assert abs(log_gain.mean()) < 0.08 * 4 / np.sqrt(log_gain.size)


def test_drift_is_a_function_of_the_day_and_not_of_the_days_asked_for_before() -> None:
    fresh = HiddenCortex(seed=3).rates_hz(clean_images()[:5], day=4)
    assert np.array_equal(fresh, rates(4)[:5])
    assert not np.allclose(fresh, rates(0)[:5], rtol=0.02)


def test_tuning_is_alike_from_day_to_day_and_less_so_after_five() -> None:
    good = np.argsort(rates(0).std(axis=0))[-40:]

    def likeness(day: int) -> float:
        return float(np.mean([np.corrcoef(rates(0)[:, e], rates(day)[:, e])[0, 1] for e in good]))

    assert 0.85 < likeness(5) < likeness(1) < 1


def test_a_day_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="counted from 0"):
        cortex().response_model(-1)


def test_receptive_fields_are_local_and_sum_to_one() -> None:
    field = draw_electrodes(BIOLOGY, seed=1, n_electrodes=50).field
    np.testing.assert_allclose(field.sum(axis=(1, 2)), 1)
    # The widest, SD 3, centred in the middle: exp((3.5^2 + 3.5^2) / 18) = 3.9 between its centre and a corner.
    assert (field.max(axis=(1, 2)) / field.min(axis=(1, 2))).min() > 3.7


def test_the_shipped_weights_are_small_and_name_what_they_were_trained_on() -> None:
    from safetensors import safe_open

    import closedloop.simulation

    path = Path(closedloop.simulation.__file__).parent / "weights" / "cortex.safetensors"
    assert path.stat().st_size < 1_000_000
    with safe_open(path, framework="pt") as stored:
        metadata = stored.metadata()
    assert set(metadata) == {"recipe", "clean_accuracy", "attacked_accuracy", "made_by"}
    held_out = ProceduralPool(CortexRecipe().pool_seed + 5, n_per_category=10)
    images = load_images(held_out, tuple(image.image_id for image in held_out.images()))
    categories = [held_out.categories.index(image.category) for image in held_out.images()]
    with torch.no_grad():
        named = load_cortex_network()(torch.from_numpy(np.moveaxis(images, -1, 1) / np.float32(255))).argmax(1)
    accuracy = float((named == torch.tensor(categories)).float().mean())
    assert accuracy == pytest.approx(float(metadata["clean_accuracy"]), abs=0.1)
    assert accuracy > 0.2  # chance is .03


def test_the_eyes_blur_leaves_a_uniform_image_as_it_is_and_takes_a_checkerboard_away() -> None:
    network = load_cortex_network()
    grey = torch.full((1, 3, 32, 32), 0.6)
    board = 0.2 * ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1)
    with torch.no_grad():
        plain, checked = network.features(grey), network.features(grey + board)
        undone = network.areas(4.0 * (grey - 0.5))
    assert torch.allclose(plain, undone, atol=1e-5)
    # A Gaussian of SD .7 keeps exp(-(.7 pi)^2 / 2) = 9 % of the finest grating in each direction, .8 % of the board.
    assert float((checked - plain)[..., 2:-2, 2:-2].norm() / plain.norm()) < 0.05


def test_the_hidden_network_shares_no_kind_of_layer_with_the_base_models_but_convolutions() -> None:
    kinds = {type(module) for module in load_cortex_network().areas.modules()}
    assert torch.nn.GroupNorm in kinds
    assert not kinds & {torch.nn.ReLU, torch.nn.BatchNorm2d}


@pytest.fixture(scope="module")
def tiny() -> TrainedCortex:
    recipe = CortexRecipe(
        n_categories=2, n_images_per_category=60, epochs=6, batch_size=20, epsilon=0.5, learning_rate=2e-3
    )
    return train_cortex_network(recipe)


def test_training_learns_to_tell_two_categories(tiny: TrainedCortex) -> None:
    assert tiny.clean_accuracy >= tiny.attacked_accuracy
    assert tiny.clean_accuracy >= 0.75  # chance is .5; 40 images


def test_a_recipe_decides_the_weights_without_touching_the_global_generator() -> None:
    recipe = CortexRecipe(n_categories=2, n_images_per_category=16, epochs=1, batch_size=8)
    torch.manual_seed(1)
    first = train_cortex_network(recipe).network.state_dict()
    state = torch.get_rng_state()
    second = train_cortex_network(recipe).network.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_saved_weights_come_back(tiny: TrainedCortex, tmp_path: Path) -> None:
    save_cortex_network(tiny, tmp_path / "new" / "cortex.safetensors")
    back = load_cortex_network(tmp_path / "new" / "cortex.safetensors")
    assert isinstance(back, CortexNetwork)
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(back(image), tiny.network(image))


@pytest.mark.parametrize("content", [None, b"", b"no weights at all, but long enough to hold a header"])
def test_weights_that_cannot_be_read_are_refused_with_the_remedy(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "cortex.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cortex\.training"):
        HiddenCortex(seed=0, weights=path).rates_hz(np.zeros((1, 32, 32, 3), dtype=np.uint8), day=0)


def test_a_retuned_electrode_hears_other_cells_from_its_night_on_and_the_others_as_before() -> None:
    electrodes = draw_electrodes(BIOLOGY, seed=5, n_electrodes=40)
    retuned = replace(BIOLOGY, retuned=((7, 3),))
    for day in range(5):
        as_ever, found = (tuning_on(electrodes, biology, seed=5, day=day) for biology in (BIOLOGY, retuned))
        is_equal = (as_ever.mixture == found.mixture).all(axis=1) & (as_ever.partner == found.partner).all(axis=1)
        assert np.flatnonzero(~is_equal).tolist() == ([7] if day >= 3 else [])
        np.testing.assert_array_equal(as_ever.gain, found.gain)
        np.testing.assert_allclose((found.mixture**2).sum(axis=1), 1.0)
    assert abs(float(found.mixture[7] @ as_ever.mixture[7])) < 0.5
