"""The whole measurement: a linear network's closed form, interruption, workers, the shipped networks' order."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import conv2d

from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.searches import STRENGTHENED
from closedloop.errors import ProtocolError
from closedloop.execution.workers import Workers
from closedloop.models.backbones import build_classifier
from closedloop.studies.networks import NetworkChoice, parse_networks
from closedloop.studies.unit_sensitivity.documents import UNIT_CHANGES, UNIT_SENSITIVITY, UnitSensitivityStudy
from closedloop.studies.unit_sensitivity.measure import measure_units
from closedloop.studies.unit_sensitivity.settings import StudyFiles, UnitStudy

SIDE, N_IMAGES = 32, 10
EPSILONS = (0.5, 2.0)
SEARCH = replace(STRENGTHENED, restarts=1, steps=8)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Images far from black and white, of the size at which they are read (37 px, of which the centre is cut)."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(N_IMAGES):
        pixels = draw.integers(110, 146, (37, 37, 3)) + draw.integers(-8, 9)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def linear_network(path: Path) -> nn.Sequential:
    """Write a network whose stem never rectifies: its units, averaged over space, are linear in the image."""
    classifier = build_classifier("small_resnet", seed=3)
    norm = classifier.get_submodule("bn1")
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.constant_(norm.bias, 50.0)
    torch.save(classifier.state_dict(), path)
    return classifier


def linear_response(classifier: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """Respond as the stem does, in float64, from its definition: normalise, convolve, scale; mean over space."""
    weight = classifier.get_parameter("conv1.weight").detach().double()
    gain = classifier.get_parameter("bn1.weight").detach().double() / (1 + 1e-5) ** 0.5
    filtered = conv2d((torch.from_numpy(images) - 0.5) / 0.25, weight, stride=2, padding=1)
    return (filtered.mean(dim=(2, 3)) * gain).numpy()


def pixel_weights(classifier: nn.Sequential) -> np.ndarray:
    """Weight of every pixel in every unit, (n_units, 3 * side * side), from the responses to single pixels."""
    basis = np.eye(3 * SIDE**2).reshape(-1, 3, SIDE, SIDE)
    return (linear_response(classifier, basis) - linear_response(classifier, np.zeros((1, 3, SIDE, SIDE)))).T


def cut_out(file: Path) -> np.ndarray:
    margin = slice(2, 2 + SIDE)  # round((37 - 32) / 2) of Python rounds half to even
    return np.asarray(Image.open(file))[margin, margin].transpose(2, 0, 1) / 255


def tables(folder: Path) -> tuple[Columns, Columns]:
    files = StudyFiles(folder)
    return read_table(files.changes, UNIT_CHANGES), read_table(files.sensitivity, UNIT_SENSITIVITY)


def test_units_of_a_linear_network_are_as_sensitive_as_the_closed_form_says(tmp_path: Path, photographs: Path) -> None:
    classifier = linear_network(tmp_path / "linear.pt")
    choice = NetworkChoice("linear", str(tmp_path / "linear.pt"), "stem", "small_resnet")
    study = UnitStudy((choice,), photographs, EPSILONS, n_units=4, images_per_unit=2, search=SEARCH)
    measure_units(study, tmp_path / "out")
    changes, summary = tables(tmp_path / "out")

    norms = np.linalg.norm(pixel_weights(classifier), axis=1)
    responses = linear_response(classifier, np.stack([cut_out(photographs / f"{n}.png") for n in range(N_IMAGES)]))
    sd = responses.std(axis=0, ddof=1)
    unit, radius = changes["unit"], changes["epsilon"] * SIDE / 224
    assert len(unit) == 4 * 2 * len(EPSILONS)
    np.testing.assert_allclose(changes["sd"], sd[unit], rtol=1e-4)
    np.testing.assert_allclose(changes["change_up"], radius * norms[unit], rtol=1e-3)
    np.testing.assert_allclose(changes["change_down"], -radius * norms[unit], rtol=1e-3)
    np.testing.assert_allclose(changes["sensitivity"], radius * norms[unit] / sd[unit], rtol=1e-3)

    chosen = np.unique(unit)
    per_unit = norms[chosen] / sd[chosen]
    np.testing.assert_allclose(summary["mean"], np.array(EPSILONS) * SIDE / 224 * per_unit.mean(), rtol=1e-3)
    np.testing.assert_allclose(
        summary["sd_over_units"], np.array(EPSILONS) * SIDE / 224 * per_unit.std(ddof=1), rtol=1e-2
    )
    pairs = [np.abs(a - b) for a, b in itertools.combinations(responses, 2)]
    assert summary["random_pair"][0] == pytest.approx((np.mean(pairs, axis=0)[chosen] / sd[chosen]).mean(), rel=1e-3)


class InterruptedError(Exception):
    """As by Ctrl-C."""


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_interrupted_and_called_again_it_leaves_the_same_bytes_with_any_workers(tmp_path: Path) -> None:
    networks = parse_networks(["small_resnet_vanilla"], architecture=None)
    search = replace(STRENGTHENED, restarts=4, steps=3)
    study = UnitStudy(networks, epsilons=(1.0, 10.0), n_units=4, images_per_unit=4, n_clean=16, search=search)
    told: list[tuple[int, int]] = []

    def interrupt(n_done: int, n_all: int) -> None:
        told.append((n_done, n_all))
        if told == [(0, 2), (1, 2)]:
            raise InterruptedError

    measure_units(study, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        measure_units(study, tmp_path / "broken", progress=interrupt)
    (kept,) = (tmp_path / "broken" / "shards").iterdir()
    written = kept.stat().st_mtime_ns
    told.clear()
    two = Workers("local", 2)
    measure_units(study, tmp_path / "broken", workers=two, batch_size=16, progress=interrupt)
    assert kept.stat().st_mtime_ns == written
    assert told == [(1, 2), (2, 2)]
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two shipped networks, a few units."""
    folder = tmp_path_factory.mktemp("measured")
    networks = parse_networks(["small_resnet_vanilla", "small_resnet_robust"], architecture=None)
    search = replace(STRENGTHENED, restarts=1, steps=5)
    measure_units(UnitStudy(networks, n_units=6, images_per_unit=1, n_clean=40, search=search), folder)
    return folder


def test_standard_training_is_more_sensitive_than_adversarial_training_at_every_epsilon(measured: Path) -> None:
    _, summary = tables(measured)
    vanilla, robust = (summary["mean"][summary["network"] == f"small_resnet_{name}"] for name in ("vanilla", "robust"))
    assert len(vanilla) == len(robust) == 4
    assert (vanilla > robust).all()
    assert (np.diff(vanilla) > 0).all()
    assert (np.diff(robust) > 0).all()


def test_networks_are_compared_on_the_same_units_and_images(measured: Path) -> None:
    document = UnitSensitivityStudy.read(StudyFiles(measured).settings)
    assert document.networks[0].units == document.networks[1].units
    changes, _ = tables(measured)
    vanilla = changes["network"] == "small_resnet_vanilla"
    assert changes["image_id"][vanilla].tolist() == changes["image_id"][~vanilla].tolist()
    assert len(set(changes["image_id"].tolist())) == 6


def test_the_csv_says_what_the_parquet_says(measured: Path) -> None:
    changes, _ = tables(measured)
    header, *lines = StudyFiles(measured).changes.with_suffix(".csv").read_text().splitlines()
    assert header.split(",") == list(UNIT_CHANGES.columns)
    place = header.split(",").index("sensitivity")
    assert [float(line.split(",")[place]) for line in lines] == changes["sensitivity"].tolist()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"epsilons": (2.0, 1.0)}, "ascending epsilons"),
        ({"epsilons": (0.0, 1.0)}, "ascending epsilons"),
        ({"n_units": 0}, "at least one unit"),
        ({"n_clean": 1}, "two clean images"),
        ({"networks": ()}, "at least one network"),
    ],
)
def test_what_cannot_be_measured_is_refused(wrong: dict[str, object], words: str) -> None:
    settings = {"networks": parse_networks(["small_resnet_robust"], architecture=None), **wrong}
    with pytest.raises(ProtocolError, match=words):
        UnitStudy(**settings)
