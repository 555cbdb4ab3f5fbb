"""What the figures draw, checked on their data rather than their pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from scipy import stats

from closedloop.artifacts.day.evaluation import EvaluationReport, PreferredCategory
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.report.controls.alarms import far_above
from closedloop.report.curves import LOOKS, by_day, final_day, growth
from closedloop.report.drawing import epsilon_axis, named_series, new_figure, style, svg, svg_uri
from closedloop.report.drawing import png as png_file
from closedloop.report.magnified import magnified_difference
from closedloop.report.model.figures import loss
from closedloop.report.pictures import png
from closedloop.report.preference.driven import DrivenRates, driven_rates
from closedloop.report.preference.figures import rates
from closedloop.report.reading import SensitivityRow
from closedloop.report.wording import number, plus_minus, rate, share, size, span


def _row(estimate: str, epsilon: float, mean: float, *, error: float = 0.01) -> SensitivityRow:
    return SensitivityRow(5, epsilon, estimate, False, "anchors", "", mean, error, 56, 21)


ESTIMATES = ("paper", "cross_fitted", "gaussian", "linear", "true", "white_box", "vanilla_units", "robust_units")


EIGHT = (0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 15.0)
MANY = [(5.0,), (1.0, 1.2), (2.5, 10.0), (0.1, 100.0), (1.0, 2.5, 10.0), (1.0, 2.5, 5.0, 10.0), EIGHT]


def markers(figure: Figure) -> list[tuple[Axes, float, float]]:
    """Return the panel of every marker, and how many points it lies inside of its left and right edge."""
    figure.draw_without_rendering()
    found = []
    for axes in figure.axes:
        for line in axes.lines:
            if line.get_marker() in ("None", "_", "|", "") or line.get_transform() != axes.transData:
                continue
            points = np.column_stack([np.atleast_1d(line.get_xdata()), np.atleast_1d(line.get_ydata())]).astype(float)
            for x, _ in axes.transData.transform(points[np.isfinite(points).all(axis=1)]) * 72 / figure.dpi:
                box = axes.bbox
                found.append((axes, x - box.x0 * 72 / figure.dpi, box.x1 * 72 / figure.dpi - x))
    return found


@pytest.mark.parametrize("epsilons", MANY)
def test_no_marker_is_cut_by_the_edge_of_its_panel(epsilons: tuple[float, ...]) -> None:
    rows = [_row(name, epsilon, 0.1 * epsilon) for name in ESTIMATES for epsilon in epsilons]
    rows += [replace(row, truth=True) for row in rows if row.estimate in ("true", "white_box", "gaussian", "linear")]
    with style():
        for figure in (final_day(rows, random_pair=1.1), by_day(rows, days=[5]), growth(rows, days=[5])):
            found = markers(figure)
            assert len(found) >= 3 * len(epsilons)
            assert min(min(left, right) for _, left, right in found) > 2.8  # half of one is 2.75 points


@pytest.mark.parametrize("epsilons", MANY)
def test_the_labels_of_epsilons_do_not_cover_each_other(epsilons: tuple[float, ...]) -> None:
    with style():
        figure, axes = new_figure(3, width=11.2, height=3.4)
        for one in axes:
            epsilon_axis(one, epsilons)
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in axes[0].get_xticklabels() if label.get_text()]
    assert boxes
    assert all(before.x1 < after.x0 for before, after in itertools.pairwise(boxes))


def test_eight_epsilons_are_eight_panels_in_two_rows_that_can_be_read() -> None:
    with style():
        figure = growth([_row("paper", epsilon, 0.1) for epsilon in EIGHT], days=[5])
        figure.draw_without_rendering()
    assert len(figure.axes) == 8
    assert min(axes.bbox.width for axes in figure.axes) * 72 / figure.dpi > 100
    assert len({round(axes.bbox.y0) for axes in figure.axes}) == 2


@pytest.mark.parametrize("epsilons", [(1.0, 2.5, 10.0), (1.0, 1.2), (5.0,), (2.5, 10.0), EIGHT])
def test_every_estimate_is_on_the_log_axis_and_none_covers_another(epsilons: tuple[float, ...]) -> None:
    """Eight estimates at each epsilon, all but the last at or below zero: as many markers, apart by their width."""
    values = [-0.02, -0.02, 0.0, -0.3, -0.02, -0.02, -0.02, 0.5]
    rows = [_row(name, epsilon, y) for name, y in zip(ESTIMATES, values, strict=True) for epsilon in epsilons]
    with style():
        figure = final_day(rows, random_pair=None)
        figure.draw_without_rendering()
        axes = figure.axes[0]
        low, high = axes.get_ylim()
        points = [
            (float(x), float(y), line.get_markersize())
            for line in axes.lines
            if line.get_marker() not in ("None", "_", "|", "")
            for x, y in zip(np.atleast_1d(line.get_xdata()), np.atleast_1d(line.get_ydata()), strict=True)
            if np.isfinite(y)
        ]
        at = axes.transData.transform([point[:2] for point in points]) * 72 / figure.dpi
    assert len(points) == 8 * len(epsilons)
    assert all(low < y < high for _, y, _ in points)
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + 100 * np.eye(len(at))
    assert apart.min() > 5.5


def test_an_estimate_below_zero_shows_the_upper_end_of_its_interval() -> None:
    figure = final_day([_row("gaussian", 1.0, -0.01, error=0.1), _row("paper", 10.0, 0.5)], random_pair=None)
    (end,) = [line for line in figure.axes[0].lines if line.get_markersize() == 8.0]
    assert end.get_ydata() == pytest.approx([-0.01 + 1.96 * 0.1])
    (drawn,) = [series for series in figure.drawn if series.name == LOOKS["gaussian"].label]
    assert (drawn.x, drawn.y, drawn.high) == ((1.0,), (-0.01,), pytest.approx((-0.01 + 1.96 * 0.1,)))


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


class Counter(Artist):
    """Counts how often it is drawn into what is kept."""

    n_drawn = 0

    def draw(self, renderer: RendererBase) -> None:
        self.n_drawn += 1


@pytest.mark.parametrize("write", [svg, png_file])
def test_a_figure_is_drawn_once_whatever_a_person_s_settings_say(write: Callable[[Figure], bytes]) -> None:
    with mpl.rc_context({"figure.constrained_layout.use": True}), style():
        figure, _ = new_figure(width=3, height=2)
        counter = Counter()
        figure.add_artist(counter)
        write(figure)
    assert counter.n_drawn == 1


def test_the_crossing_of_the_preferred_level_is_linear_between_epsilons() -> None:
    driven = DrivenRates(
        sites=("a", "b", "c"),
        epsilons=np.array([0.0, 1.0, 10.0]),
        rates_hz=np.array([[50.0, 80.0, 260.0], [50.0, 60.0, 90.0], [120.0, 130.0, 150.0]]),
        preferred_hz=np.array([100.0, 100.0, 100.0]),
        n_images=np.array([1, 1, 1]),
        n_raised=6,
    )
    found = driven.crossings
    assert found[0] == pytest.approx(2.0)
    assert np.isinf(found[1])
    assert found[2] == 0.0
    assert (driven.reached.n_reached, driven.reached.mean) == (2, pytest.approx(1.0))


def evaluated(**preferred_hz: float | None) -> EvaluationReport:
    return EvaluationReport(
        simulated=False, day=1, n_sites=1, n_attacked=3, epsilons=(), sigma_hz={}, sigma_corrected_hz={},
        r_predicted={}, reliability={}, preferred_hz=preferred_hz, examples=(), rasters=(),
    )  # fmt: skip


def pairs_table(*rows: tuple[str, str, float, int, float, float], kind: str = "attacked") -> dict[str, np.ndarray]:
    """Return pairs of (site, image, epsilon, predicted sign, clean rate, attacked rate)."""
    names = ("neuroid_id", "image_id", "epsilon", "predicted_sign", "rate_clean_hz", "rate_changed_hz")
    return {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)} | {
        "kind": np.array([kind] * len(rows))
    }


def test_attacks_on_least_preferred_images_go_before_ordinary_ones_and_are_held_against_fresh_images() -> None:
    ordinary = pairs_table(("a", "x", 1.0, 1, 60.0, 65.0))
    of_least = pairs_table(("a", "y", 1.0, 1, 10.0, 90.0), kind=PREFERENCE)
    both = {name: np.concatenate([ordinary[name], of_least[name]]) for name in ordinary}
    fresh = PreferredCategory(
        neuroid_id="a", category="dog", least=("cat",), image_index=(3,), mean_hz=50.0,
        interval_low_hz=None, interval_high_hz=None, n_images=1,
    )  # fmt: skip
    driven = driven_rates(both, evaluated(a=130.0).model_copy(update={"preference": (fresh,)}))
    assert driven is not None
    assert (driven.of_least, driven.source) == (True, "fresh")
    assert (driven.rates_hz.tolist(), driven.preferred_hz.tolist()) == ([[10, 90]], [50])
    assert driven.crossings.tolist() == [0.5]


def test_an_ordinary_day_goes_by_the_cross_validated_level_where_it_has_one() -> None:
    pairs = pairs_table(("a", "x", 1.0, 1, 60.0, 65.0))
    older = driven_rates(pairs, evaluated(a=130.0))
    newer = driven_rates(pairs, evaluated(a=130.0).model_copy(update={"preferred_cross_validated_hz": {"a": 110.0}}))
    assert older is not None
    assert newer is not None
    assert (older.source, older.preferred_hz.tolist()) == ("largest_mean", [130])
    assert (newer.source, newer.preferred_hz.tolist()) == ("cross_validated", [110])


NAN = float("nan")


def test_the_rise_is_over_the_same_images_at_every_epsilon_each_over_its_own_clean_twin() -> None:
    """Image y was to fall at epsilon 10, z was not measured at 1: x alone rose by 5 and 40 Hz from its own 60.

    A mean over whatever was raised would begin at (60 + 10 + 200) / 3 and go to (65 + 100) / 2 and 100 / 1.
    """
    pairs = pairs_table(
        ("a", "x", 1.0, 1, 60.0, 65.0),
        ("a", "x", 10.0, 1, 60.0, 100.0),
        ("a", "y", 1.0, 1, 10.0, 100.0),
        ("a", "y", 10.0, -1, 10.0, 5.0),
        ("a", "z", 1.0, 1, 200.0, NAN),
        ("a", "z", 10.0, 1, 200.0, 300.0),
    )
    driven = driven_rates(pairs, evaluated(a=130.0))
    assert driven is not None
    assert driven.epsilons.tolist() == [0, 1, 10]
    assert driven.rates_hz.tolist() == [[60, 65, 100]]
    assert driven.rises_hz.tolist() == [[0, 5, 40]]
    assert (driven.n_images.tolist(), driven.n_pairs, driven.n_raised) == ([1], 2, 4)


def test_the_mean_of_figure_2c_is_over_sites_and_its_interval_students() -> None:
    rises = {"a": 10.0, "b": 16.0, "c": 25.0}
    pairs = pairs_table(*((site, "x", 10.0, 1, 50.0, 50.0 + rise) for site, rise in rises.items()))
    driven = driven_rates(pairs, evaluated(a=90.0, b=80.0, c=100.0))
    assert driven is not None
    (mean,) = [s for s in rates(driven).drawn if s.name == "mean" and s.axes.get_ylabel() == "rise (Hz)"]
    half = stats.t.ppf(0.975, df=2) * stats.sem(list(rises.values()))
    assert (mean.y[1], mean.low[1], mean.high[1]) == (17.0, pytest.approx(17 - half), pytest.approx(17 + half))


def test_controls_lowered_sites_and_sites_without_a_preferred_category_are_not_driven() -> None:
    rows = ("a", "x", 1.0, 1, 60.0, 65.0), ("b", "x", 1.0, -1, 60.0, 5.0), ("c", "x", 1.0, 1, 60.0, 65.0)
    driven = driven_rates(pairs_table(*rows), evaluated(a=130.0, b=130.0, c=None))
    assert driven is not None
    assert driven.sites == ("a",)
    assert driven_rates(pairs_table(*rows, kind="gaussian"), evaluated(a=130.0)) is None


def test_the_refits_figure_holds_its_losses_whole() -> None:
    """A loss that hardly falls lay half above the axis, whose upper end was the largest value."""
    fit = FitReport(
        simulated=True, day=1, readout_start="random", n_stimuli=2, n_presentations=4, n_fitted_by_day=(2,),
        loss_by_epoch=(0.3606, 0.3567, 0.3520), heldout_images="anchors", n_heldout=1, r_heldout=(), r_fitted=(),
    )  # fmt: skip
    (axes,) = loss(fit).axes
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    assert low == 0
    assert high > 1.1 * 0.3606
    assert left < 1
    assert right > 3


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
    assert far_above(_row("cross_fitted", 1.0, cross), _row("paper", 1.0, paper)) is alarm


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
        (size(0.12, (0.05, 0.17)), "0.120"),
        (size(0.075, (-0.12, 0.164)), "not measurable: at most 0.164"),
        (size(-0.2, (-0.3, -0.1)), "not measurable: interval below zero"),
        (size(0.1, (float("nan"), float("nan"))), "0.100 (interval unknown)"),
        (span((-0.12, 0.164)), "−0.120 to 0.164"),
    ],
)
def test_numbers_are_said_with_their_errors(text: str, expected: str) -> None:
    assert text == expected


def test_a_rate_has_no_more_digits_than_a_few_presentations_tell() -> None:
    assert [rate(0.0), rate(5.0), rate(166.666), rate(None)] == ["0.0", "5.0", "166.7", "–"]


def test_series_with_names_differ_and_the_first_six_in_marker_and_colour() -> None:
    styles = named_series(18)
    assert len(set(styles)) == 18
    assert len({one.colour for one in styles[:6]}) == len({one.marker for one in styles[:6]}) == 6
