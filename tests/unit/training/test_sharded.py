"""A refit in shards: whoever computes them, and whoever is lost or killed on the way, the same bytes."""

from __future__ import annotations

import dataclasses
import os
import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from closedloop.errors import ClosedLoopError, ProtocolError
from closedloop.execution.local import run_apart
from closedloop.models.site_model import SiteModel, images_to_tensor
from closedloop.training.end_to_end import RefitRecipe, RefitReport, Responses, refit
from closedloop.training.members import MemberFit, refit_members
from closedloop.training.resumable import TrainingProgress, epoch_order
from closedloop.training.sharded.examples import FittedImages
from closedloop.training.sharded.feature_file import open_feature_file, row_bytes
from closedloop.training.sharded.gradients import InThisProcess, ShardGradient
from closedloop.training.sharded.split import split_model
from tests.unit.training.test_end_to_end import KilledError, answers, same, site_model, weights_of

torch.set_num_threads(1)
TRAIN, HELD_OUT = answers(40, seed=1), answers(10, seed=2)  # 3 steps an epoch, the last of 8 images
N_STEPS = 9
RECIPE = RefitRecipe(epochs=3, batch_size=16, shards=3)  # shards of 6, 5 and 5 images
FROM = dataclasses.replace(RECIPE, train="from layer2")
Weights = dict[str, np.ndarray]


def fitted(recipe: RefitRecipe, **how: object) -> Weights:
    return fit(recipe, **how)[0]


def fit(recipe: RefitRecipe, **how: object) -> tuple[Weights, RefitReport]:
    model = site_model()
    report = refit(model, TRAIN, HELD_OUT, recipe=recipe, seed=3, **how)  # type: ignore[arg-type]
    return weights_of(model), report


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Weights, RefitReport]:
    return fit(RECIPE)


def by_torch(recipe: RefitRecipe) -> Weights:
    """The weights of a plain loop of torch's: the same images in the same order, in whole batches."""
    model = site_model().requires_grad_(True)
    groups = [
        {"params": list(model.trunk.parameters()), "lr": recipe.base_learning_rate},
        {"params": list(model.readout.parameters()), "lr": recipe.readout_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    for epoch in range(recipe.epochs):
        order = epoch_order(len(TRAIN.images), seed=3, epoch=epoch)
        for start in range(0, len(order), recipe.batch_size):
            rows = np.sort(order[start : start + recipe.batch_size])
            images = images_to_tensor(TRAIN.images[rows], device=torch.device("cpu"))
            loss = (model(images) - torch.from_numpy(TRAIN.responses[rows])).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return weights_of(model.requires_grad_(False))


def test_a_step_in_shards_is_the_step_of_the_whole_batch_but_for_rounding(
    undisturbed: tuple[Weights, RefitReport],
) -> None:
    whole, expected = fitted(dataclasses.replace(RECIPE, shards=1)), by_torch(RECIPE)
    assert same(whole, expected)
    in_shards, before = undisturbed[0], weights_of(site_model())
    assert not same(in_shards, expected)
    moved = max(np.abs(expected[key] - before[key]).max() for key in expected)
    assert max(np.abs(in_shards[key] - expected[key]).max() for key in expected) < 0.05 * moved


def test_shards_of_unequal_size_add_up_to_the_gradient_of_the_batch() -> None:
    found = []
    for n_shards in (1, 5):  # of 16 images: one of 4, four of 3
        model = site_model().requires_grad_(True)
        weights = np.ones(TRAIN.responses.shape, dtype=np.float32)
        images = FittedImages(TRAIN.images, TRAIN.responses, weights, seed=0, shift=0.0)
        gradient = ShardGradient(split_model(model, "all"), "float32")
        loss = InThisProcess(gradient, images, n_shards)(np.arange(16), epoch=0)
        found.append((loss, torch.cat([weight.grad.flatten() for weight in model.parameters()]).numpy()))
    (whole, expected), (in_shards, summed) = found
    assert in_shards == pytest.approx(whole, rel=1e-6)
    assert np.linalg.norm(summed - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    "recipe",
    [
        dataclasses.replace(RECIPE, shift=0.1, schedule="cosine", epochs=2),
        dataclasses.replace(FROM, epochs=2),
        dataclasses.replace(RECIPE, precision="bfloat16", epochs=1),
    ],
    ids=["all, shifted", "from a layer", "bfloat16"],
)
def test_one_two_and_four_processes_end_with_the_same_bytes(recipe: RefitRecipe) -> None:
    alone, report = fit(recipe)
    for n_processes in (2, 4):
        weights, other = fit(recipe, n_processes=n_processes)
        assert same(weights, alone)
        assert other.losses == report.losses


def test_bfloat16_is_near_float32_and_is_not_it(undisturbed: tuple[Weights, RefitReport]) -> None:
    exact, report = undisturbed
    lower, near = fit(dataclasses.replace(RECIPE, precision="bfloat16"))
    assert not same(exact, lower)
    assert near.losses == pytest.approx(report.losses, rel=0.03)
    assert near.correlation_after == pytest.approx(report.correlation_after, abs=0.05)


def until_killed(checkpoint: Path, *, at_step: int) -> None:
    """Fit in a process of its own, with a helper, and kill it once it has told of a step."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            fit(
                RECIPE,
                checkpoint=checkpoint,
                saved_every_s=0,
                n_processes=2,
                progress=lambda _: os.write(writer, b"."),
            )
        finally:
            os._exit(0)
    os.close(writer)
    for _ in range(at_step):
        assert os.read(reader, 1)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    while os.read(reader, 64):  # its helper ends by itself, and with it the last who could write
        pass
    os.close(reader)


def test_killed_at_five_random_moments_and_run_again_it_ends_with_the_same_bytes(
    tmp_path: Path, undisturbed: tuple[Weights, RefitReport]
) -> None:
    for number, step in enumerate(random.Random(19).choices(range(1, N_STEPS), k=5)):
        checkpoint, seen = tmp_path / f"{number}.pt", list[TrainingProgress]()
        until_killed(checkpoint, at_step=step)
        weights, report = fit(RECIPE, checkpoint=checkpoint, n_processes=2, progress=seen.append)
        assert same(weights, undisturbed[0])
        assert report.losses == undisturbed[1].losses
        assert not seen or seen[0].step >= step  # an epoch is kept after its last step was told


def test_killed_over_and_over_it_gets_to_its_end(tmp_path: Path, undisturbed: tuple[Weights, RefitReport]) -> None:
    for _ in range(3):
        until_killed(tmp_path / "refit.pt", at_step=1)
    assert same(fitted(RECIPE, checkpoint=tmp_path / "refit.pt"), undisturbed[0])


@pytest.mark.parametrize("saved_every_s", [0, 3600])
def test_a_state_is_kept_within_an_epoch_as_often_as_asked_for(tmp_path: Path, saved_every_s: float) -> None:
    def kill(training: TrainingProgress) -> None:
        if training.step == 5:
            raise KilledError

    seen = list[TrainingProgress]()
    with pytest.raises(KilledError):
        fit(RECIPE, checkpoint=tmp_path / "refit.pt", progress=kill, saved_every_s=saved_every_s)
    fit(RECIPE, checkpoint=tmp_path / "refit.pt", progress=seen.append)
    assert seen[0].step == (4 if saved_every_s else 6)


def test_a_lost_helper_changes_no_byte(
    capfd: pytest.CaptureFixture[str], undisturbed: tuple[Weights, RefitReport]
) -> None:
    def lose_helpers(training: TrainingProgress) -> None:
        if training.step == 2:
            for helper in psutil.Process().children():
                helper.kill()

    assert same(fitted(RECIPE, n_processes=3, progress=lose_helpers), undisturbed[0])
    assert capfd.readouterr().err.count("was killed by signal 9") == 2


def test_members_and_their_shards_share_the_processes(tmp_path: Path) -> None:
    results = []
    for n_processes in (1, 3):
        folder = tmp_path / str(n_processes)
        folder.mkdir()
        members = [MemberFit(site_model(seed=seed), seed, folder / f"{seed}.pt") for seed in (1, 2)]
        refit_members(
            members, TRAIN, HELD_OUT, recipe=RECIPE, n_processes=n_processes, progress=lambda _done, _total: None
        )
        results.append([weights_of(member.model) for member in members])
    assert all(same(one, other) for one, other in zip(*results, strict=True))


def images_through(model: SiteModel) -> Callable[[], int]:
    """Count the images that go through a model's first convolution."""
    counted = list[int]()
    model.trunk[0].register_forward_hook(lambda _module, given, _output: counted.append(len(given[0])))
    return lambda: sum(counted)


@pytest.mark.parametrize("train", ["readout", "from layer2"])
def test_features_of_what_is_frozen_are_computed_once_and_change_no_byte(tmp_path: Path, train: str) -> None:
    recipe = dataclasses.replace(RECIPE, train=train)
    expected = fitted(recipe)
    model = site_model()
    refit(model, TRAIN, HELD_OUT, recipe=dataclasses.replace(recipe, epochs=0), seed=3)
    none = images_through(model)
    refit(model, TRAIN, HELD_OUT, recipe=dataclasses.replace(recipe, epochs=0), seed=3)
    n_around = none()  # of the correlations before and after
    model = site_model()
    n_images = images_through(model)
    refit(model, TRAIN, HELD_OUT, recipe=recipe, seed=3, checkpoint=tmp_path / "refit.pt")
    assert same(weights_of(model), expected)
    assert n_images() - n_around <= 8 * (1 + 3 * 3)  # a chunk of 8 a shard of an epoch, and one for its shape
    assert same(fitted(recipe, checkpoint=tmp_path / "b.pt", n_processes=2), expected)


def test_what_comes_before_the_layer_stays_as_it_was() -> None:
    before, after = weights_of(site_model()), fitted(FROM)
    changed = {key for key in before if not np.array_equal(before[key], after[key])}
    stem = ("trunk.conv1", "trunk.bn1", "trunk.layer1")
    assert changed == {key for key, _ in site_model().named_parameters() if not key.startswith(stem)}


def test_damaged_features_are_computed_again(tmp_path: Path) -> None:
    def kill(training: TrainingProgress) -> None:
        if training.step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        fit(FROM, checkpoint=tmp_path / "refit.pt", progress=kill)
    (kept,) = tmp_path.glob("*.features")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content[:-100])
    assert same(fitted(FROM, checkpoint=tmp_path / "refit.pt"), fitted(FROM))


def test_features_of_another_training_are_removed(tmp_path: Path) -> None:
    fit(FROM, checkpoint=tmp_path / "refit.pt")
    (first,) = tmp_path.glob("*.features")
    fit(dataclasses.replace(FROM, batch_size=20), checkpoint=tmp_path / "refit.pt")
    (second,) = tmp_path.glob("*.features")
    assert first != second


def test_rows_of_a_feature_file_are_there_or_missing(tmp_path: Path) -> None:
    rows, values = np.array([4, 1]), np.random.default_rng(0).random((2, 3, 2, 2), dtype=np.float32)
    with open_feature_file(tmp_path / "file", shape=(3, 2, 2), n_rows=6) as kept:
        kept.write(rows, values)
        found, is_there = kept.read(np.array([0, 1, 4, 5, 6]))
        assert is_there.tolist() == [False, True, True, False, False]
        assert np.array_equal(found[1:3], values[::-1])
        kept.write(np.array([6]), values[:1])  # beyond what is kept
        assert not kept.read(np.array([6]))[1].any()
        no_room = dataclasses.replace(kept, least_free=1 << 62)
        no_room.write(np.array([0]), values[:1])
        assert not kept.read(np.array([0]))[1].any()
    content = (tmp_path / "file").read_bytes()
    size = row_bytes((3, 2, 2))
    (tmp_path / "file").write_bytes(content[size : 2 * size] * 2)  # row 1 in the places of rows 0 and 1
    with open_feature_file(tmp_path / "file", shape=(3, 2, 2), n_rows=6) as kept:
        assert kept.read(np.array([0, 1]))[1].tolist() == [False, True]


@pytest.mark.parametrize("train", ["from layer9", "from layer3.1", "from conv1.weight"])
def test_a_layer_that_is_not_there_is_refused_with_those_that_are(train: str) -> None:
    with pytest.raises(ProtocolError, match=r"fit\.train: expected .*layer2\.0.*, found 'from "):
        fit(dataclasses.replace(RECIPE, train=train))


def test_too_little_memory_is_one_line_with_the_remedy() -> None:
    many = Responses(*(np.repeat(part, 60, axis=0) for part in (TRAIN.images, TRAIN.responses, TRAIN.weights)))
    model = site_model()

    def within_little() -> None:
        memory = psutil.Process().memory_info().vms + (16 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        refit(model, many, HELD_OUT, recipe=RefitRecipe(epochs=1, batch_size=2400), seed=3)

    with pytest.raises(ClosedLoopError, match=r"expected memory of cpu for 2400 images.*Raise fit\.shards"):
        run_apart(within_little)


def anonymous_bytes() -> int:
    """Memory of this process that no file has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def test_memory_is_that_of_a_batch_however_many_images_a_file_has(tmp_path: Path) -> None:
    n = 40_000
    images = np.lib.format.open_memmap(tmp_path / "images.npy", mode="w+", dtype=np.uint8, shape=(n, 32, 32, 3))
    images[:] = np.arange(n, dtype=np.uint8)[:, None, None, None]  # 123 MB
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    many = Responses(mapped, np.zeros((n, 3), dtype=np.float32), np.ones(n, dtype=np.float32))
    fit(RECIPE)  # what torch keeps once it has worked
    taken, before = list[int](), anonymous_bytes()

    def stop(training: TrainingProgress) -> None:
        if training.step == 3:
            taken.append(anonymous_bytes() - before)
            raise KilledError

    with pytest.raises(KilledError):
        refit(site_model(), many, HELD_OUT, recipe=RECIPE, seed=3, progress=stop)
    assert taken[0] < images.nbytes / 4


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card that torch can use")
def test_on_a_graphics_card_one_and_two_processes_and_a_killed_one_end_with_the_same_bytes(tmp_path: Path) -> None:
    def fit_apart(name: str, n_processes: int, last_step: int = N_STEPS) -> None:
        def kill(training: TrainingProgress) -> None:
            if training.step == last_step < N_STEPS:
                os.kill(os.getpid(), signal.SIGKILL)

        weights = fitted(
            RECIPE,
            checkpoint=tmp_path / f"{name}.pt",
            n_processes=n_processes,
            device="cuda",
            progress=kill,
            saved_every_s=0,
        )
        np.savez(tmp_path / f"{name}.npz", **weights)

    run_apart(lambda: fit_apart("alone", 1))
    run_apart(lambda: fit_apart("two", 2))
    with pytest.raises(ClosedLoopError, match="killed by signal 9"):
        run_apart(lambda: fit_apart("killed", 1, last_step=4))
    run_apart(lambda: fit_apart("killed", 1))
    alone, *others = (dict(np.load(tmp_path / f"{name}.npz")) for name in ("alone", "two", "killed"))
    assert all(same(alone, other) for other in others)
    near = fitted(RECIPE)
    assert max(np.abs(near[key] - alone[key]).max() for key in near) < 1e-2
