"""What the figures draw, checked on their data rather than their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.report.curves import final_day, growth
from closedloop.report.drawing import style, svg_uri
from closedloop.report.pages import _far_above
from closedloop.report.pictures import magnified_difference, png
from closedloop.report.preference import DrivenRates, crossings, driven_rates
from closedloop.report.reading import SensitivityRow
from closedloop.report.wording import number, plus_minus, share


def _row(estimate: str, epsilon: float, mean: float, *, error: float = 0.01) -> SensitivityRow:
    return SensitivityRow(5, epsilon, estimate, False, "anchors", "", mean, error, 56, 21)


def test_a_measured_mean_below_zero_is_marked_on_the_log_axis_and_not_left_out() -> None:
    figure = final_day([_row("paper", 1.0, -0.01), _row("paper", 10.0, 0.5)], random_pair=None)
    markers = [line for line in figure.axes[0].lines if line.get_marker() == "v" and line.get_mfc() == "white"]
    assert [list(line.get_xdata()) for line in markers] == [[1.0]]
    assert markers[0].get_ydata()[0] == figure.axes[0].get_ylim()[0]


def test_the_final_days_figure_draws_the_means_it_is_given() -> None:
    rows = [_row("paper", 10.0, 0.6), _row("paper", 1.0, 0.04), _row("robust_units", 1.0, 0.13)]
    drawn = [line.get_ydata() for line in final_day(rows, random_pair=1.12).axes[0].lines]
    assert any(np.array_equal(y, [0.04, 0.6]) for y in drawn)
    assert any(np.array_equal(y, [1.12, 1.12]) for y in drawn)


@pytest.mark.parametrize("n_epsilons", [1, 2, 3, 4])
def test_the_legend_of_the_growth_lies_inside_its_figure_and_below_the_panels(n_epsilons: int) -> None:
    estimates = ("paper", "cross_fitted", "true", "white_box", "gaussian", "linear")
    rows = [_row(estimate, float(size), 0.1) for estimate in estimates for size in range(1, n_epsilons + 1)]
    with style():
        figure = growth(rows, days=[5])
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        lowest = min(axes.xaxis.label.get_window_extent().y0 for axes in figure.axes)
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= lowest + 1


def test_the_same_numbers_give_the_same_bytes_of_a_figure() -> None:
    rows = [_row("paper", 1.0, 0.04), _row("paper", 10.0, 0.6)]
    first, again = (svg_uri(final_day(rows, random_pair=1.12)) for _ in range(2))
    assert first == again


def test_the_crossing_of_the_preferred_level_is_linear_between_epsilons() -> None:
    driven = DrivenRates(
        epsilons=np.array([0.0, 1.0, 10.0]),
        rates_hz=np.array([[50.0, 80.0, 260.0], [50.0, 60.0, 90.0], [120.0, 130.0, 150.0]]),
        preferred_hz=np.array([100.0, 100.0, 100.0]),
        n_pairs=9,
    )
    found = crossings(driven)
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1])
    assert found[2] == 0.0


def test_only_attacks_meant_to_raise_a_rate_count_as_driving() -> None:
    pairs = {
        "kind": np.array(["attacked", "attacked", "attacked", "gaussian"]),
        "predicted_sign": np.array([1, 1, -1, 1]),
        "rate_changed_hz": np.array([100.0, 200.0, 5.0, 900.0]),
        "rate_clean_hz": np.array([40.0, 60.0, 50.0, 50.0]),
        "epsilon": np.array([1.0, 1.0, 1.0, 1.0]),
        "neuroid_id": np.array(["a", "a", "a", "a"]),
    }
    evaluation = EvaluationReport(
        simulated=False, day=1, n_sites=1, n_attacked=3, epsilons=(), sigma_hz={}, sigma_corrected_hz={},
        r_predicted={}, reliability={}, preferred_hz={"a": 130.0}, examples=(), rasters=(),
    )  # fmt: skip
    driven = driven_rates(pairs, evaluation)
    assert driven is not None
    assert driven.rates_hz.tolist() == [[50.0, 150.0]]
    assert driven.n_pairs == 2


def test_the_difference_is_magnified_twenty_times_around_grey_and_clipped() -> None:
    clean, attacked = np.full((1, 3, 3), 100, np.uint8), np.full((1, 3, 3), 100, np.uint8)
    attacked[0, 0], attacked[0, 1] = 103, 60
    assert magnified_difference(clean, attacked)[0, :, 0].tolist() == [188, 0, 128]


def test_a_picture_is_encoded_pixel_for_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
    from io import BytesIO

    from PIL import Image

    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png(image)))), image)


@pytest.mark.parametrize(
    ("paper", "cross", "alarm"), [(0.00, 0.50, True), (0.48, 0.50, False), (0.50, 0.00, False), (0.45, 0.495, True)]
)
def test_a_cross_fitted_estimate_far_above_the_papers_is_an_alarm(paper: float, cross: float, alarm: bool) -> None:
    # Errors of .01 each: three standard errors of the difference are .0424.
    assert _far_above(_row("cross_fitted", 1.0, cross), _row("paper", 1.0, paper)) is alarm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (plus_minus(0.6141, 0.0212), "0.614 ± 0.021"),
        (plus_minus(-0.008, 0.021), "−0.008 ± 0.021"),
        (plus_minus(310.2, 60.4), "310.2 ± 60.4"),
        (plus_minus(0.5, float("nan")), "0.500 (SE unknown)"),
        (plus_minus(None, None), "–"),
        (plus_minus(float("nan"), 0.1), "–"),
        (number(45.0, unit="Hz"), "45.00 Hz"),
        (share(0.75, 300), "75.0 ± 2.5 %"),
        (share(None, 300), "–"),
    ],
)
def test_numbers_are_said_with_their_errors(text: str, expected: str) -> None:
    assert text == expected
