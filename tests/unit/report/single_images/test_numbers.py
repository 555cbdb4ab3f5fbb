"""Single images in numbers: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.single_images.figures import DRAWN, drawn_images, figure_3b
from closedloop.report.single_images.marks import marks_of_sites, said_of_marks
from closedloop.report.single_images.numbers import images_by_site, typical_site
from closedloop.report.single_images.section import image_plate, image_table, quoted_images


def table(slopes: dict[str, list[float]], *, p: float = 0.01, corrected: float = 0.2) -> Columns:
    """Return a table of images at two epsilons, with these slopes by site."""
    rows = [
        (site, f"image {place:03d}", epsilon, slope)
        for site, own in slopes.items()
        for place, slope in enumerate(own)
        for epsilon in (1.0, 10.0)
    ]
    site, image, epsilon, slope = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return {
        "neuroid_id": site,
        "image_id": image,
        "epsilon": epsilon,
        "sensitivity": slope * epsilon,
        "interval_low": slope * epsilon - 1,
        "interval_high": slope * epsilon + 1,
        "n_clean": np.full(n, 10),
        "n_changed": np.full(n, 9),
        "slope": slope,
        "slope_error": np.full(n, 0.01),
        "p": np.where(np.arange(n) < 2, np.nan, p),
        "p_corrected": np.where(slope > 0.25, 0.01, corrected),
    }


def test_images_are_counted_before_and_after_the_correction() -> None:
    (site,) = images_by_site(table({"a": [0.1, 0.2, 0.3, -0.4]}))
    assert (site.n_images, site.n_above) == (3, 3)  # the first has no error, and is no test
    assert (site.n_positive, site.n_positive_corrected) == (2, 1)
    assert (site.n_clean, site.n_changed) == (10, 9)
    assert site.slope == pytest.approx(0.05)
    assert site.standard_error == pytest.approx(np.std([0.1, 0.2, 0.3, -0.4], ddof=1) / 2)


def test_the_typical_site_is_the_one_in_the_middle() -> None:
    sites = images_by_site(table({"a": [0.1, 0.1], "b": [0.3, 0.3], "c": [0.2, 0.2]}))
    assert typical_site(sites).neuroid_id == "c"
    assert typical_site(sites[:2]).neuroid_id == "a"


def test_fifty_images_are_drawn_at_random_and_always_the_same() -> None:
    (site,) = images_by_site(table({"a": [0.1] * 100}))
    chosen = drawn_images(site)
    assert len(set(chosen)) == DRAWN
    assert chosen == drawn_images(site)
    assert chosen != sorted(site.marks)[:DRAWN]


def test_the_mean_is_over_all_images_not_over_the_drawn_ones() -> None:
    slopes = np.linspace(0.0, 0.2, 100).tolist()
    columns = table({"a": slopes})
    with drawing.style():
        numbers = drawing.numbers_of(figure_3b(columns, images_by_site(columns)))
    means = [float(row[5]) for row in numbers if row[1] == "mean"]
    assert means == pytest.approx([0.1, 1.0])
    assert len({row[1] for row in numbers}) == DRAWN + 1


def test_the_caption_says_how_many_are_drawn_and_how_often_they_were_shown() -> None:
    columns = table({"a": [0.1] * 100})
    sites = images_by_site(columns)
    with drawing.style():
        caption = image_plate(columns, sites).caption
    assert "for visibility, 50 of 100 randomly selected" in caption
    assert "9 showings of each attacked image and 10 of each clean one" in caption
    assert image_table(sites).rows[0][5] == "99 of 99"
    assert quoted_images(sites, origin="simulated")[0].found == "a: 99 of 99, 0 after Holm"


def test_sites_without_a_test_are_not_counted_as_failed() -> None:
    slopes = {
        "of": np.array(["site", "site", "image"]),
        "name": np.array(["a", "b", "x"]),
        "slope": np.array([0.1, 0.1, 0.1]),
        "p": np.array([0.01, np.nan, 0.5]),
        "p_corrected": np.array([0.01, np.nan, 0.5]),
    }
    marks = marks_of_sites(slopes)
    assert marks == {"a": "corrected", "b": "untested"}
    assert said_of_marks(marks, of="sites").startswith("Of 1 sites 1 have")
    assert said_of_marks({}, of="sites") == ""
    assert marks_of_sites(None) == {}
