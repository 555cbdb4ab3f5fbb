"""What the page says of recorded planes: what is not known is a dash, and only what bends is counted as foretold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.response_geometry import figures
from closedloop.studies.response_geometry.documents import RECORDED_PLANES
from closedloop.studies.response_geometry.plane_sections import planes_section
from closedloop.studies.response_geometry.recorded import ShownPlane, bending_planes

KNOWN: dict[str, Any] = {
    **{name: 0.1 for name, column in RECORDED_PLANES.columns.items() if column.dtype == "float64"},
    **{"day": 1, "image_id": "one", "extent": 30.0, "n_images": 9, "n_presentations": 36},
}


def planes(*rows: dict[str, Any]) -> Columns:
    named = [KNOWN | {"neuroid_id": f"site {number}"} | row for number, row in enumerate(rows)]
    return {name: np.array([row[name] for row in named]) for name in RECORDED_PLANES.columns}


def shown(number: int, *, n_known: int = 9) -> ShownPlane:
    along, across = (one.ravel() for one in np.meshgrid([-26.0, 0.0, 27.0], [-25.0, 0.0, 24.0], indexing="ij"))
    response = along / 30 + across**2 / 900
    response[n_known:] = np.nan
    return ShownPlane(1, f"site {number}", "one", along, across, np.linspace(0, 12.5, 9), response, along / 30)


def found(table: Columns, of: list[ShownPlane]) -> Any:
    return SimpleNamespace(planes=table, shown=of, document=SimpleNamespace(planes="3 x 3 images"))


def cells(table: Columns, of: list[ShownPlane]) -> list[dict[str, str]]:
    with drawing.style():
        told = planes_section(found(table, of)).tables[0]
    return [dict(zip(told.columns, row, strict=True)) for row in told.rows]


def test_a_p_that_is_not_known_is_a_dash_and_no_significance() -> None:
    nothing = dict.fromkeys(
        ("p", "p_corrected", "edge", "edge_low", "edge_high", "curvature", "slope", "slope_error", "explained"), np.nan
    )
    unbounded = {"curvature_low": -np.inf, "curvature_high": np.inf, "p_corrected": 0.0001}
    unknown, sure = cells(planes(nothing, unbounded), [shown(0), shown(1)])
    names = ("p, Holm", "bend (σ)", "κ (1/ε)", "95 % interval", "slope (σ)", "quadratic")
    assert {unknown[name] for name in names} == {"–"}
    assert (sure["p, Holm"], sure["95 % interval"]) == ("< .001", "slope not sure")


def test_how_far_images_reach_and_lie_beside_the_plane_stands_beside_its_bend() -> None:
    (row,) = cells(planes({}), [shown(0)])
    assert (row["reached (ε)"], row["beside (ε)"]) == ("27.0, 25.0", "12.5")


@pytest.mark.parametrize(("explained", "said"), [(1.3, "100.0 %"), (-0.2, "0.0 %"), (0.5, "50.0 %")])
def test_no_more_than_all_of_the_variance_is_quadratic(explained: float, said: str) -> None:
    (row,) = cells(planes({"explained": explained}), [shown(0)])
    assert row["quadratic"].replace("\u202f", " ").replace("\xa0", " ") == said


def test_a_hidden_curvature_beside_an_interval_without_an_end_says_so_in_words() -> None:
    table = planes({"curvature_low": -np.inf, "curvature_high": np.inf})
    with drawing.style():
        text = " ".join(" ".join(row) for one in planes_section(found(table, [shown(0)])).tables for row in one.rows)
    assert "inf" not in text
    assert text.count("slope not sure") == 2


def test_of_the_planes_that_bend_those_are_counted_whose_sign_was_foretold() -> None:
    table = planes(
        {"p_corrected": 0.01, "edge": 1.0, "predicted_edge": -1.0},
        {"p_corrected": 0.5, "edge": 1.0, "predicted_edge": 1.0},
        {"p_corrected": 0.5, "edge": -1.0, "predicted_edge": -1.0},
        {"p_corrected": np.nan, "edge": np.nan, "predicted_edge": 1.0},
    )
    assert bending_planes(table) == (1, 0)


def test_planes_that_were_hardly_shown_are_drawn_without_what_is_not_known() -> None:
    table = planes({}, {}, {"edge": np.nan})
    with drawing.style():
        figure = figures.recorded([shown(0), shown(1, n_known=0), shown(2, n_known=3)], table)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == [
        "site 0, day 1: bend +0.10 σ",
        "site 1, day 1: clean image not shown",
        "site 2, day 1: hardly shown",
    ]


def test_planes_beyond_those_that_are_drawn_are_told() -> None:
    n = figures.MOST_PLANES + 2
    with drawing.style():
        section = planes_section(found(planes(*({} for _ in range(n))), [shown(number) for number in range(n)]))
    assert f"The first 8 of {n} planes" in section.wide[0].caption
    assert len(section.tables[0].rows) == n
