from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.lattice import squared_levels
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import PAPER31
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult, seed_of
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.errors import DocumentError, StorageError

torch.set_num_threads(1)

SIDE = 8


class Curved(nn.Module):
    """Three sites, each a tanh of a linear filter plus an offset; counts the images it was shown."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weights", torch.randn(3 * SIDE**2, 3, generator=generator) / SIDE)
        self.images_shown = 0

    def forward(self, images: Tensor) -> Tensor:
        self.images_shown += len(images)
        return torch.tanh((images - 0.5).flatten(1) @ self.get_buffer("weights") + 0.3)


@pytest.fixture
def model() -> Curved:
    return Curved().eval()


@pytest.fixture
def clean() -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def items() -> list[AttackItem]:
    return [
        AttackItem(f"image-{image}/site-{site}/eps-{epsilon}", image, site, epsilon)
        for image in range(4)
        for site in range(3)
        for epsilon in (2.5, 10.0)
    ]


def run(model: nn.Module, items: list[AttackItem], clean: NDArray[np.uint8], folder: Path) -> SynthesisResult:
    return synthesize(
        InMemory(model, "m"),
        items,
        clean,
        method=Method(replace(PAPER31, steps=8)),
        batch_size=4,
        items_per_shard=5,
        shard_folder=folder,
    )


def shards_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def same(a: SynthesisResult, b: SynthesisResult) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)


def evaluate(model: nn.Module, images: NDArray[np.uint8], sites: list[int]) -> NDArray[np.float64]:
    scaled = torch.tensor(np.moveaxis(images, -1, 1) / np.float32(255))
    with torch.no_grad():
        return np.asarray(model(scaled)[torch.arange(len(sites)), sites].double())


def test_predictions_are_the_models_responses_to_the_bytes(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    result = run(model, items, clean, tmp_path)
    sites = [item.site_index for item in items]
    shown_clean = clean[[item.image_index for item in items]]
    np.testing.assert_allclose(result.predicted_attacked, evaluate(model, result.attacked, sites), atol=1e-6)
    np.testing.assert_allclose(result.predicted_clean, evaluate(model, shown_clean, sites), atol=1e-6)
    assert np.array_equal(np.sign(result.predicted_change), result.direction)


def test_attacked_images_stay_inside_their_own_ball(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    result = run(model, items, clean, tmp_path)
    radius = np.array([item.epsilon * SIDE / 224 for item in items])
    squared = squared_levels(clean[[item.image_index for item in items]], result.attacked)
    assert bool((squared <= (255 * radius) ** 2).all())
    np.testing.assert_allclose(result.realised_epsilon, np.sqrt(squared) / 255 * 224 / SIDE)
    assert bool((result.realised_epsilon > 0.97 * np.array([item.epsilon for item in items])).all())


def test_the_direction_with_the_larger_predicted_change_is_kept(clean: NDArray[np.uint8], tmp_path: Path) -> None:
    class Hinge(nn.Module):
        """Site 0 rises more steeply than it falls, site 1 the other way round: the better direction is known."""

        def forward(self, images: Tensor) -> Tensor:
            level = images.mean(dim=(1, 2, 3)) - float(clean[0].mean() / 255)
            return torch.stack([nn.functional.softplus(20 * level), -nn.functional.softplus(-20 * level)], dim=1)

    both = [AttackItem("up", 0, 0, 10.0), AttackItem("down", 0, 1, 10.0)]
    result = run(Hinge().eval(), both, clean, tmp_path)
    assert result.direction.tolist() == [1, -1]
    assert result.predicted_change[0] > 0 > result.predicted_change[1]


def test_a_linear_response_changes_by_radius_times_slope(clean: NDArray[np.uint8], tmp_path: Path) -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 1)).eval()
    grey = np.full_like(clean, 128)
    items = [AttackItem(str(epsilon), 0, 0, epsilon) for epsilon in (10.0, 40.0)]
    result = synthesize(InMemory(linear, "m"), items, grey, method=Method(PAPER31), shard_folder=tmp_path)
    slope = float(linear[1].weight.detach().norm())
    expected = [epsilon * SIDE / 224 * slope for epsilon in (10.0, 40.0)]
    np.testing.assert_allclose(np.abs(result.predicted_change_float), expected, rtol=1e-3)
    np.testing.assert_allclose(np.abs(result.predicted_change), expected, rtol=0.01)
    assert bool((result.rounding_loss > 0).all())  # no image in the ball moves a linear site more than its optimum


def test_half_the_shards_lost_gives_the_same_bytes_again(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    whole = run(model, items, clean, tmp_path)
    cost = model.images_shown
    shards = shards_in(tmp_path)
    assert len(shards) == 5
    for shard in shards[::2]:
        shard.unlink()
    again = run(model, items, clean, tmp_path)
    assert same(whole, again)
    assert 0 < model.images_shown - cost < cost


def test_finished_shards_are_read_and_not_computed(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    whole = run(model, items, clean, tmp_path)
    cost = model.images_shown
    assert same(whole, run(model, items, clean, tmp_path))
    assert model.images_shown == cost


def test_every_input_of_a_shard_is_part_of_its_name(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    def shards(items: list[AttackItem], images: NDArray[np.uint8], model_hash: str, steps: int) -> int:
        method = Method(replace(PAPER31, steps=steps))
        synthesize(InMemory(model, model_hash), items, images, method=method, shard_folder=tmp_path)
        return len(shards_in(tmp_path))

    one = items[:1]
    changed = clean.copy()
    changed[0, 0, 0, 0] ^= 1
    counts = [
        shards(one, clean, "m", 2),
        shards(one, clean, "other", 2),
        shards(one, clean, "m", 3),
        shards(one, changed, "m", 2),
        shards([replace(one[0], item_name="renamed")], clean, "m", 2),
        shards([replace(one[0], site_index=2)], clean, "m", 2),
        shards([replace(one[0], epsilon=3.0)], clean, "m", 2),
        shards(one, clean, "m", 2),
    ]
    assert counts == [1, 2, 3, 4, 5, 6, 7, 7]


def test_an_items_attack_follows_its_name_not_its_place(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    forwards = run(model, items, clean, tmp_path / "a")
    backwards = run(model, items[::-1], clean, tmp_path / "b")
    assert np.array_equal(forwards.attacked, backwards.attacked[::-1])


def test_the_two_directions_and_two_names_start_differently() -> None:
    seeds = {seed_of(name, direction) for name in ("a", "b") for direction in (1, -1)}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_progress_counts_items_up_to_all_of_them(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    synthesize(
        InMemory(model, "m"),
        items,
        clean,
        method=Method(replace(PAPER31, steps=1)),
        items_per_shard=10,
        shard_folder=tmp_path,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(10, 24), (20, 24), (24, 24)]


def test_a_file_that_is_no_shard_stops_with_the_remedy(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    run(model, items, clean, tmp_path)
    shard = shards_in(tmp_path)[2]
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(DocumentError, match=r"Delete the file and run again") as failure:
        run(model, items, clean, tmp_path)
    assert str(shard) in str(failure.value)


def test_a_folder_that_cannot_be_made_stops_with_the_remedy(
    model: Curved, items: list[AttackItem], clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    with pytest.raises(StorageError, match="run again"):
        run(model, items, clean, occupied / "shards")


def test_two_items_of_one_name_are_refused(model: Curved, clean: NDArray[np.uint8], tmp_path: Path) -> None:
    twins = [AttackItem("a", 0, 0, 1.0), AttackItem("a", 1, 0, 1.0)]
    with pytest.raises(ValueError, match="unique names"):
        run(model, twins, clean, tmp_path)
