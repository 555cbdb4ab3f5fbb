"""The page claims what its intervals support and no more."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from closedloop.artifacts.tables import Columns
from closedloop.studies.screening.documents import ScreenedLayers, ScreeningStudy
from closedloop.studies.screening.page import agreement, best_set, screening_page
from closedloop.studies.screening.systems import Cell, LayerSource
from closedloop.studies.screening.tables import Criterion, cell_table, network_table, transfer_criteria

LAYERS = ("layer2.0", "layer3.0")
ALONE = "are met best by robust (ε 2), the one trained network that was compared"


NETWORKS = (
    ScreenedLayers(
        name="robust",
        kind="trained",
        training_epsilon=2.0,
        architecture="small_resnet",
        sha256="0" * 64,
        side_px=32,
        layers=LAYERS,
    ),
    ScreenedLayers(
        name="untrained",
        kind="untrained",
        training_epsilon=None,
        architecture="small_resnet",
        sha256="",
        side_px=32,
        layers=LAYERS,
    ),
    ScreenedLayers(
        name="pixels", kind="pixels", training_epsilon=None, architecture="", sha256="", side_px=32, layers=("pixels",)
    ),
)
CELLS = tuple(
    Cell(one.name, one.training_epsilon, layer, LayerSource(one.kind, None, "", one.architecture, layer, 32))
    for one in NETWORKS
    for layer in one.layers
)


def study(*, transfer: str = "simulated") -> ScreeningStudy:
    return ScreeningStudy(
        simulated=transfer == "simulated",
        code_version="0",
        seed=0,
        networks=NETWORKS,
        responses="nobody",
        n_images=100,
        n_images_left_out=3,
        n_sites=5,
        n_sites_left_out=0,
        n_presentations=200,
        reliability_ceiling=0.9,
        cka_ceiling=0.95,
        n_folds=5,
        n_halvings=10,
        transfer=transfer,
        epsilons=(10.0,),
        n_attacked=8,
        repetitions=20,
        search="Cosine(steps=20, step_fraction=1.5, random_start=True, factor=None)",
        lattice_steps=2,
    )


def criterion(name: str, values: list[float], *, error: float, epsilon: float = 0.0) -> Criterion:
    noise = np.random.default_rng(1).normal(0, error, (5, 10, 2))
    return Criterion(
        name, epsilon, np.array(values), np.array(values)[:, None, None] + noise, np.full(5, 100), np.full(5, np.nan)
    )


def tables(*criteria: Criterion) -> tuple[Columns, Columns]:
    return cell_table(criteria, CELLS, [3] * 5), network_table(criteria, CELLS)


def test_where_two_layers_cannot_be_told_apart_the_page_names_the_network_and_not_a_layer() -> None:
    found = [criterion(name, [0.5, 0.52, 0.1, 0.1, 0.0], error=0.05) for name in ("cka", "ridge", "pls")]
    cells, networks = tables(*found)
    assert best_set(cells, "cka") == [("robust", "layer3.0"), ("robust", "layer2.0")]
    page = screening_page(study(transfer="not shown"), cells, networks, command="x").decode()
    assert "which of its 2 layers layer3.0, layer2.0 is not told" in page
    assert "told from all others" not in page
    assert f"Both criteria {ALONE}; which layer of it, they do not say: layer3.0, layer2.0 may be." in page
    assert "Criterion C is left out" in page
    assert "3 clean images were left out" in page


def test_where_one_layer_stands_out_the_page_says_so() -> None:
    cells, networks = tables(
        *(criterion(name, [0.1, 0.52, 0.1, 0.1, 0.0], error=0.01) for name in ("cka", "ridge", "pls")),
        criterion("transfer", [0.01, 0.04, 0.01, 0.01, -0.001], error=0.001, epsilon=10.0),
    )
    page = screening_page(study(), cells, networks, command="x").decode()
    assert page.count("told from all others") == 4
    assert f"All 3 criteria {ALONE}, and one layer of it: layer3.0." in page
    assert "Criterion C is left out" not in page
    assert "in complete agreement" in page
    assert "SIMULATED" in page
    words = html.unescape(re.sub(r"<style.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL))
    assert "cosine: steps 20, step fraction 1.5, random start yes, factor none; 2 steps on whole grey levels" in words
    assert not re.search(r"\w=\w|True|False|None", words), "a person reads it, no Python"


def test_where_criteria_choose_other_layers_or_networks_no_agreement_is_claimed() -> None:
    other_layers, _ = tables(
        criterion("cka", [0.5, 0.1, 0.1, 0.1, 0.0], error=0.01),
        criterion("ridge", [0.1, 0.5, 0.1, 0.1, 0.0], error=0.01),
    )
    assert agreement(study(), other_layers).endswith("on a layer of it they do not agree: none may be the best by all.")
    other_networks, _ = tables(
        criterion("cka", [0.5, 0.1, 0.1, 0.1, 0.0], error=0.01),
        criterion("ridge", [0.1, 0.1, 0.5, 0.1, 0.0], error=0.01),
    )
    assert "name no single network: robust, untrained" in agreement(study(), other_networks)


def test_a_transfer_is_shown_as_the_root_of_its_mean_square_with_its_sign() -> None:
    squares = np.array([0.04, -0.01])[:, None, None, None] + np.zeros((2, 1, 6, 3))
    halvings = np.tile([True, False], (4, 3))
    (one,) = transfer_criteria(squares, halvings, epsilons=(10.0,))
    assert [round(one.shown(value), 9) for value in one.values] == [0.2, -0.1]
    assert one.uncertain(0).standard_error < 1e-12


def test_a_layer_of_one_image_is_neither_chosen_nor_ruled_out_and_counts_one_image() -> None:
    """The first cell was seen on one image, whose change is the largest of all."""
    squares = np.array([0.09, 0.04, 0.01, 0.01, 0.01])[:, None, None, None] + np.zeros((5, 1, 6, 3))
    squares *= np.linspace(0.9, 1.1, 6)[None, None, :, None]
    squares[0, 0, 1:] = np.nan
    halvings = np.array([[True, False] * 3, [True] * 3 + [False] * 3])
    cells, networks = tables(
        *(criterion(name, [0.1, 0.52, 0.1, 0.1, 0.0], error=0.01) for name in ("cka", "ridge", "pls")),
        *transfer_criteria(squares, halvings, epsilons=(10.0,)),
    )
    own = {name: column[cells["criterion"] == "transfer"].tolist() for name, column in cells.items()}
    assert own["n_images"] == [1, 6, 6, 6, 6]
    assert np.isnan(own["low"]).tolist() == [True, False, False, False, False]
    assert own["alike_best"] == [True, True, False, False, False]
    assert own["best"] == [False, True, False, False, False]
    page = screening_page(study(), cells, networks, command="x").decode()
    assert "No interval: robust layer2.0. Too few images are left" in page
    assert page.count("told from all others") == 3  # of A, B and B, and not of C


def test_images_and_sites_that_a_criterion_leaves_out_are_told() -> None:
    cells, networks = tables(
        criterion("cka", [0.5, 0.1, 0.1, 0.1, 0.0], error=0.01), criterion("ridge", [0.5] * 5, error=0.01)
    )
    told = study().model_copy(update={"n_shown_left_out": 7, "n_shown_sites_left_out": 2})
    page = screening_page(told, cells, networks, command="x").decode()
    assert "Layer-targeted images left out: 7." in page
    assert "Sites left out of criterion C: 2." in page


def test_a_networks_interval_comes_from_layers_that_the_other_half_chose() -> None:
    """Two layers whose halves disagree on which is better: the chosen one is the worse of the half that values it."""
    halves = np.array([[[0.6, 0.5]], [[0.4, 0.55]], [[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
    one = Criterion("cka", 0.0, np.array([0.5, 0.5, 0.1, 0.0, 0.0]), halves, np.full(5, 10), np.full(5, np.nan))
    table = network_table([one], CELLS)
    assert table["value"][0] == 0.5
    error = (0.4 - 0.5) / 2  # the second half chooses the second layer, which has .4 in the first; and so on
    assert table["high"][0] == pytest.approx(0.5 + 12.7062 * abs(error), rel=1e-4)  # Student's t of one degree
