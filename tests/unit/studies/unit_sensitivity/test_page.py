"""The page of a measurement of units: every number of its tables, both lines, nothing from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.unit_sensitivity.documents import StrengthenedSearch, StudiedNetwork, UnitSensitivityStudy
from closedloop.studies.unit_sensitivity.figures import figure_1a, single_units
from closedloop.studies.unit_sensitivity.page import units_page
from closedloop.studies.unit_sensitivity.settings import QUICK

EPSILONS = (1.0, 10.0)
NAMES = ("vanilla", "robust")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.targets: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("src", "href") and value]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.lasttag in ("td", "th") and self.cells:
            self.cells[-1] += data.strip()


def read(page: bytes) -> _Text:
    text = _Text()
    text.feed(page.decode())
    return text


def document(*, restarts: int = 2, n_silent: int = 0) -> UnitSensitivityStudy:
    networks = tuple(
        StudiedNetwork(
            name=name,
            source=name,
            sha256="ab" * 32,
            architecture="small_resnet",
            layer="avgpool",
            side_px=32,
            n_units=64,
            n_silent=n_silent,
            units=(3, 5),
        )
        for name in NAMES
    )
    search = StrengthenedSearch(
        restarts=restarts,
        steps=250,
        wide_fraction=2.0,
        step_fraction=1.0,
        factor=0.9,
        patience=1,
        floor=0.05,
        annealings=4,
        ladder=True,
    )
    return UnitSensitivityStudy(
        simulated=False,
        code_version="0",
        seed=0,
        networks=networks,
        image_pools=({"kind": "flat_folder", "folder": "/photographs", "side_px": 32},),
        n_clean=1234,
        images_per_unit=1,
        epsilons=EPSILONS,
        search=search,
    )


def summary() -> Columns:
    n = len(NAMES) * len(EPSILONS)
    return {
        "network": np.repeat(np.array(NAMES, dtype=object), len(EPSILONS)),
        "epsilon": np.tile(EPSILONS, len(NAMES)),
        "mean": np.array([0.517, 5.613, 0.204, 3.019]),
        "sd_over_units": np.array([0.811, 1.222, 0.333, 0.444]),
        "low": np.array([0.401, 4.101, 0.151, np.nan]),
        "high": np.array([0.602, 6.202, 0.252, np.nan]),
        "rises": np.full(n, 0.875),
        "unmoved": np.full(n, 0.0625),
        "random_pair": np.array([1.071, 1.071, 0.939, 0.939]),
        "n_units": np.full(n, 2),
        "n_pairs": np.full(n, 2),
        "n_gradients": np.full(n, 2 * 777),
    }


def changes() -> Columns:
    rows = [(name, unit, e) for name in NAMES for unit in (3, 5) for e in EPSILONS]
    sensitivity = np.arange(1.0, 9.0)
    return {
        "network": np.array([name for name, _, _ in rows], dtype=object),
        "unit": np.array([unit for _, unit, _ in rows]),
        "epsilon": np.array([e for _, _, e in rows]),
        "sd": np.full(8, 0.0421),
        "random_pair": np.full(8, 1.011),
        "sensitivity": sensitivity,
        "change": sensitivity * 0.0421,
    }


@pytest.fixture(scope="module")
def page() -> _Text:
    return read(units_page(document(), changes(), summary(), command="closedloop studies unit-sensitivity"))


def test_the_table_says_every_mean_with_its_interval_spread_and_number(page: _Text) -> None:
    header = page.cells.index("sensitivity (σ)") - 2
    names = page.cells[header : header + 11]
    assert names[5:8] == ["rises", "unmoved", "random pair (σ)"]
    assert names[10] == "gradients a pair"
    place = header + 11
    assert page.cells[place : place + 11] == [
        *("vanilla", "1", "0.517", "[0.401, 0.602]", "0.811", "87.5 %", "6.2 %", "1.071", "2", "2", "777")
    ]
    assert "[4.101, 6.202]" in page.cells
    assert page.cells[place + 33 : place + 37] == ["robust", "10", "3.019", "–"]


def test_every_unit_stands_in_a_table(page: _Text) -> None:
    first = page.cells.index("SD over clean images") + 4
    assert page.cells[first : first + 10] == [
        *("3", "0.042", "1.011", "1.000", "2.000"),
        *("5", "0.042", "1.011", "3.000", "4.000"),
    ]


def test_it_says_what_was_asked_and_how_to_ask_again(page: _Text) -> None:
    assert "1,234, from /photographs" in page.words
    assert "small_resnet at avgpool, 32 px, 2 of 64 units, sha256 abababababab" in page.words
    assert "best of 2 x 2 directions x 2 balls x 250 gradients at most" in page.words
    assert "closedloop studies unit-sensitivity" in page.words


def test_it_loads_nothing_from_elsewhere(page: _Text) -> None:
    assert page.targets
    assert all(target.startswith("data:image/svg+xml;base64,") for target in page.targets)


@pytest.fixture(scope="module")
def other() -> _Text:
    return read(units_page(document(restarts=100, n_silent=9), changes(), summary(), command=""))


def test_a_search_smaller_than_the_paper_s_is_called_a_lower_bound(page: _Text, other: _Text) -> None:
    said = "took at most 2,000 gradients a (unit, image, epsilon); the paper's takes up to 100,000"
    assert said in page.words
    assert "lower bound" not in other.words


def test_the_default_search_says_how_far_it_falls_short_and_no_other_does(page: _Text) -> None:
    own = document()
    search = own.search.model_copy(update={"restarts": QUICK.restarts, "steps": QUICK.steps})
    default = read(units_page(own.model_copy(update={"search": search}), changes(), summary(), command=""))
    assert "the default search reached 99.1 % (98.5 to 99.7) at ε = 1 and 99.0 %" in default.words
    assert "the default search reached" not in page.words


def test_silent_units_are_counted(page: _Text, other: _Text) -> None:
    assert "robust: 9 of 64 units never vary" in other.words
    assert "never vary" not in page.words


def test_the_figure_draws_the_means_and_both_lines() -> None:
    with drawing.style():
        figure = figure_1a(summary(), networks=NAMES)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.lines}
    np.testing.assert_array_equal(lines["vanilla"], [0.517, 5.613])
    np.testing.assert_array_equal(lines["robust"], [0.204, 3.019])
    np.testing.assert_array_equal(lines["SD over clean images (σ)"], [1, 1])
    np.testing.assert_array_equal(lines["two random images, robust"], [0.939, 0.939])


def test_single_units_have_a_line_each_and_their_mean() -> None:
    with drawing.style():
        figure = single_units(changes(), networks=NAMES)
    drawn = [np.asarray(line.get_ydata()).tolist() for line in figure.axes[1].lines]
    assert drawn == [[5.0, 6.0], [7.0, 8.0], [6.0, 7.0], [1, 1]]


def test_the_same_figure_is_the_same_file() -> None:
    with drawing.style():
        figures = [figure_1a(summary(), networks=NAMES) for _ in range(2)]
        assert drawing.svg(figures[0]) == drawing.svg(figures[1])
        first, second = (drawing.png(figure) for figure in figures)
    assert first == second
    assert first.startswith(b"\x89PNG")
