"""The section on evolving images: what is lost, left out or never made is said, and one site has no interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from closedloop.report.evolution.section import evolution_until
from closedloop.report.layout import PageSection
from closedloop.report.reading import DayRecord

EMPTY: dict[str, Any] = dict.fromkeys(("plan", "images", "audit", "summary", "quality", "fit", "evaluation", "pairs"))


def session(block: int, *, generation: int, sites: tuple[int, ...], planned: tuple[int, ...] = ()) -> DayRecord:
    """Return one of a day's sessions with a generation of two images of each site."""
    of = np.repeat(sites, 2)
    effects = {
        "image_index": np.arange(len(of)),
        "kind": np.full(len(of), "evolved"),
        "site_index": of,
        "generation": np.full(len(of), generation),
        "neuroid_id": np.array([f"array1-{site:03d}" for site in of]),
        "natural_mean_hz": np.full(len(of), 10.0),
        "natural_sd_hz": np.full(len(of), 2.0),
        "response_hz": 12.0 + of,
        "true_hz": np.full(len(of), np.nan),
    }
    return DayRecord(
        day=1,
        block=block,
        sensitivity=(),
        manifests={},
        evolution=effects,
        evolution_planned=frozenset(planned or sites),
        **EMPTY,
    )


def section(*sessions: DayRecord) -> PageSection:
    found = evolution_until(sessions)
    assert found is not None
    return found


def intervals(found: PageSection, name: str) -> list[float]:
    """Return the ends of the intervals that are drawn of a line."""
    return [float(end or "nan") for row in found.plates[0].numbers if name in row for end in row[-2:]]


def test_a_lost_generation_is_said_and_one_that_was_recorded_is_not() -> None:
    whole = section(*(session(block, generation=block - 1, sites=(0, 1)) for block in (1, 2, 3)))
    assert "lost" not in whole.intro
    gap = section(session(1, generation=0, sites=(0, 1)), session(3, generation=2, sites=(0, 1)))
    assert "Of generation 1 the recording is lost: it taught nothing" in gap.intro


def test_a_site_without_further_images_and_one_that_never_had_any_are_named() -> None:
    found = section(session(1, generation=0, sites=(0, 4)), session(2, generation=1, sites=(0,), planned=(0, 7)))
    assert "No further images: array1-004, attacked no longer." in found.intro
    assert "No images: output 7 of the model, without a usable answer to any natural image." in found.intro
    assert "No " not in section(session(1, generation=0, sites=(0, 4))).intro


def test_several_sites_have_an_interval_and_one_has_none_and_the_caption_says_so() -> None:
    two = section(session(1, generation=0, sites=(0, 1)))
    low, high = intervals(two, "mean over sites")
    assert low < 1.25 < high
    assert "intervals over sites" in two.plates[0].caption
    one = section(session(1, generation=0, sites=(1,)))
    assert all(math.isnan(end) for end in intervals(one, "the one site"))
    assert one.plates[0].caption.endswith("Of one site there is no interval over sites.")
