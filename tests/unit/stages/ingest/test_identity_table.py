"""The day's identity table: which images it is over, whom it names, and who is offered as a site."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.estimate import Floats
from closedloop.artifacts.day.identity import IdentityTable
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.stages.ingest.identity.table import answers, identity_table, images_of_every_day
from closedloop.stages.ingest.identity.waveforms import waveform_likeness

N_IMAGES, N_ELECTRODES, REPETITIONS = 40, 12, 4
IMAGE = np.tile(np.arange(N_IMAGES), REPETITIONS)
NAMES = np.array([f"image {i:02d}" for i in range(N_IMAGES)])


def sites(day: int, reliability: list[float | None], *, n_chosen: int = 4) -> SiteTable:
    rows = tuple(
        Site(
            neuroid_id=f"array1-{e + 1:03d}",
            electrode_id=e + 1,
            reliability=value,
            mean_rate_hz=40.0,
            sigma_hz=10.0,
            site_index=n_chosen - 1 - e if e < n_chosen else None,
        )
        for e, value in enumerate(reliability)
    )
    return SiteTable(simulated=True, day=day, sites=rows)


def responses(day: int) -> Floats:
    rng = np.random.default_rng(0)
    tuning = 40 + 15 * rng.standard_normal((N_IMAGES, N_ELECTRODES))
    return tuning[IMAGE] + 5 * np.random.default_rng([day, 1]).standard_normal((len(IMAGE), N_ELECTRODES))


def table(now: list[float | None], then: list[float | None] | None = None) -> IdentityTable:
    first, today = sites(0, then or [0.8] * N_ELECTRODES), sites(1, now)
    days = [answers(one, NAMES[IMAGE], responses(one.day), NAMES[:30]) for one in (first, today)]
    return identity_table(days[0], days[1], first=first, today=today, min_reliability=0.4)


def test_images_of_every_day_are_clean_normalizers_and_anchors() -> None:
    stimuli = {
        "kind": np.array(["clean", "clean", "clean", "attacked", "clean"]),
        "role": np.array(["normalizer", "anchor", "clean", "anchor", "normalizer"]),
        "stimulus_id": np.array(["a", "b", "c", "d", "a"]),
    }
    assert images_of_every_day(stimuli).tolist() == ["a", "b"]


def test_the_sites_are_in_the_order_of_the_models_outputs_and_the_same() -> None:
    found = table([0.8] * N_ELECTRODES)
    assert found.n_images == 30
    assert [one.neuroid_id for one in found.sites()] == ["array1-004", "array1-003", "array1-002", "array1-001"]
    assert {one.state for one in found.electrodes} == {"same"}
    assert found.offered == ()


def test_only_who_became_reliable_and_is_no_site_is_offered_the_best_first() -> None:
    then: list[float | None] = [0.1, 0.8, 0.8, 0.8, 0.1, 0.39, 0.3, None, 0.8, 0.0, 0.2, 0.35]
    now: list[float | None] = [0.9, 0.8, 0.8, 0.8, 0.6, 0.45, 0.35, 0.7, 0.9, None, 0.5, 0.6]
    found = table(now, then)
    assert [one.neuroid_id for one in found.offered] == ["array1-008", "array1-005", "array1-012", "array1-011"]
    assert found.offered[0].reliability_then is None


def test_mean_waveforms_stand_beside_the_rest_and_decide_nothing() -> None:
    first, today = sites(0, [0.8] * N_ELECTRODES), sites(1, [0.8] * N_ELECTRODES)
    days = [answers(one, NAMES[IMAGE], responses(one.day), NAMES[:30]) for one in (first, today)]
    spike, other = np.array([0.0, -80.0, 20.0]), np.array([0.0, -160.0, 40.0])
    found = identity_table(
        *days,
        first=first,
        today=today,
        min_reliability=0.4,
        waveforms=({"array1-001": spike, "array1-002": spike}, {"array1-001": spike, "array1-002": other}),
    )
    assert [one.waveform_likeness for one in found.electrodes[:3]] == [1.0, 0.8, None]  # 2 * 2 / (1 + 4)
    assert {one.state for one in found.electrodes} == {"same"}


def test_waveforms_are_compared_as_far_as_both_are_known() -> None:
    a, b = np.array([1.0, 2.0, np.nan]), np.array([1.0, 2.0, 3.0, 4.0])
    assert waveform_likeness(a, b) == 1.0
    assert waveform_likeness(a, None) is None
    assert waveform_likeness(np.zeros(2), np.zeros(2)) is None
