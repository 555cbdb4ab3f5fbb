"""A study on disk as the stages would leave it: days with known numbers, and one day that is still under way.

The means are those measured with a prototype of the loop: a table, not a computation of the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.catalog import SUMMARY
from closedloop.artifacts.day.evaluation import (
    PAIRS,
    SENSITIVITY,
    EpsilonEvaluation,
    EvaluationReport,
    Example,
    RasterExample,
)
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.plan import Budget, DayPlan
from closedloop.artifacts.day.quality import IngestQuality, RawAgreement
from closedloop.artifacts.day.stimuli import STIMULUS_AUDIT, STIMULUS_IMAGES
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import write_table

EPSILONS = (1.0, 2.5, 10.0)
N_SITES, N_IMAGES = 21, 56
SITES = [f"array1-e{electrode:02d}" for electrode in range(3, 3 + N_SITES)]
PAPER = {0: (-0.008, 0.013, 0.034), 1: (0.003, 0.029, 0.176), 2: (0.021, 0.080, 0.402), 3: (0.039, 0.115, 0.578)}
TRUE = {0: (0.016, 0.042, 0.190), 1: (0.019, 0.050, 0.230), 2: (0.033, 0.090, 0.430), 3: (0.046, 0.124, 0.595)}
LATER = {"gaussian": (0.002, 0.005, 0.020), "linear": (0.006, 0.014, 0.060), "white_box": (0.156, 0.422, 1.904)}
UNITS = {"vanilla_units": (0.456, 1.23, 5.1), "robust_units": (0.129, 0.347, 1.7)}
AGREEMENT = {0: 0.55, 1: 0.77, 2: 0.90, 3: 0.96}
R = {0: 0.06, 1: 0.50, 2: 0.74, 3: 0.82}


def evaluated_study(
    root: Path, *, n_evaluated: int = 4, anchors: bool = True, simulated: bool = True, under_way: bool = True
) -> StudyPaths:
    """Write a study with `n_evaluated` whole days, and one more that has reached *ingest* if `under_way`."""
    paths = StudyPaths(root)
    root.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[3] / "protocols" / "dry_run.yaml", paths.protocol)
    protocol = read_protocol(paths.protocol)
    StudyDocument(
        simulated=simulated,
        study_id="5f0c61a2",
        subject="Ada",
        protocol_name="dry_run",
        protocol_sha256=protocol_sha256(protocol),
        code_version="0.1.0",
        arrays=("array1", "array2"),
        pool=PoolDescription(kind="procedural", side_px=32, seed=1, n_categories=30, n_per_category=100),
        base_model="small_resnet_robust",
    ).write(paths.study)
    for day in range(n_evaluated):
        _ingested(paths, day, simulated=simulated)
        _evaluated(paths, day, anchors=anchors, simulated=simulated)
    if under_way:
        _ingested(paths, n_evaluated, simulated=simulated)
    return paths


def _ingested(paths: StudyPaths, day: int, *, simulated: bool) -> None:
    _plan(day, simulated=simulated).write(paths.day(day).folder("plan") / "plan.json")
    rng = np.random.default_rng(day)
    clean = rng.integers(40, 216, size=(6, 1, 1, 3)) + rng.integers(-30, 30, size=(6, 32, 32, 3))
    attacked = clean + rng.integers(-3, 4, size=clean.shape)
    images = np.concatenate([clean, attacked]).astype(np.uint8)
    target = paths.day(day).folder("synthesize") / "images.h5"
    write_arrays(target, STIMULUS_IMAGES, {"images": images}, simulated=simulated)
    write_table(target.with_name("audit.parquet"), STIMULUS_AUDIT, audit_columns(), simulated=simulated)
    _quality(day, simulated=simulated).write(paths.day(day).folder("ingest") / "quality.json")
    for stage in ("plan", "synthesize", "ingest"):
        manifest_of(paths, day, stage, simulated=simulated)


def _evaluated(paths: StudyPaths, day: int, *, anchors: bool, simulated: bool) -> None:
    folder = paths.day(day).folder("evaluate")
    _evaluation(day, simulated=simulated).write(folder / "evaluation.json")
    columns = sensitivity_columns(day, anchors=anchors, simulated=simulated)
    write_table(folder / "sensitivity.parquet", SENSITIVITY, columns, simulated=simulated)
    write_table(folder / "pairs.parquet", PAIRS, pair_columns(day), simulated=simulated)
    _fit(day, simulated=simulated).write(paths.day(day).folder("refit") / "fit.json")
    for stage in ("refit", "evaluate"):
        manifest_of(paths, day, stage, simulated=simulated)


def sensitivity_columns(day: int, *, anchors: bool, simulated: bool) -> dict[str, list[Any]]:
    """Return the rows of sensitivity.parquet, last epsilon first, so that a test sees the sorting."""
    rng = np.random.default_rng(100 + day)
    rows: list[tuple[Any, ...]] = []
    for index in reversed(range(3)):
        epsilon = EPSILONS[index]
        for image_set in ("anchors", "all") if anchors else ("all",):
            shift = 0.0 if image_set == "anchors" or not anchors else 0.5
            n = N_IMAGES if image_set == "anchors" else 300

            def row(estimate: str, mean: float, *, truth: bool, site: str = "", n_sites: int = N_SITES) -> None:
                error = 0.021 if not truth else 0.004
                at = mean + shift  # noqa: B023
                ends = at - 2 * error, at + 2 * error
                rows.append((day, epsilon, estimate, truth, image_set, site, at, error, n, n_sites, *ends))  # noqa: B023

            for name, means in UNITS.items():
                row(name, means[index], truth=True)
            row("paper", PAPER[day][index], truth=False)
            row("cross_fitted", 0.7 * max(PAPER[day][index], 0.02), truth=False)
            for name in ("gaussian", "linear"):
                row(name, 1.1 * LATER[name][index], truth=False)
            if simulated:
                row("true", TRUE[day][index], truth=True)
                for name, means in LATER.items():
                    row(name, means[index], truth=True)
            for site in SITES:
                row("paper", PAPER[day][index] * rng.uniform(0.4, 1.6), truth=False, site=site, n_sites=1)
    return {name: [row[i] for row in rows] for i, name in enumerate(SENSITIVITY.columns)}


def audit_columns() -> dict[str, Any]:
    """Return five attacks and a control, each of a clean image of its own; only the third is at all clipped."""
    n = 6
    return {
        "stimulus_id": [f"s{k}" for k in range(n)],
        "image_index": np.arange(n) + 6,
        "clean_index": np.arange(n),
        "kind": ["attacked"] * 5 + ["gaussian"],
        "category": [f"disc_dots_{k}" for k in range(n)],
        "site_index": [0, 1, 2, 3, 4, -1],
        "epsilon": [1.0, 1.0, 10.0, 10.0, 10.0, 10.0],
        "realised_epsilon": [0.99, 0.999, 9.9, 9.99, 9.999, 9.98],
        "n_changed": [100, 200, 1500, 1600, 1700, 1800],
        "n_clipped": [0, 0, 7, 0, 0, 0],
        "largest_change": [2, 3, 11, 12, 13, 14],
        "luminance_clean": [0.5] * n,
        "luminance_shift": [0.0, 0.0, 0.0, -0.01, 0.0, 0.0],
        "contrast_clean": [0.2] * n,
        "contrast_shift": [0.0, 0.0, 0.0, 0.0, 0.01, 0.0],
        "predicted_change_float": [1.0, -0.5, 2.0, 2.0, -2.0, np.nan],
        "predicted_change": [0.75, -0.375, 2.0, 1.9, -2.1, np.nan],
        "rounding_loss": [0.25, 0.125, 0.0, 0.1, -0.1, np.nan],
        "lattice_bound": [0.8, 0.7, 0.99, 0.98, 0.97, np.nan],
    }


def pair_columns(day: int) -> dict[str, list[Any]]:
    """Return anchor pairs: the change of a pair is its own offset, the same every day, plus the day's mean."""
    rows: list[tuple[Any, ...]] = []
    for index, epsilon in enumerate(EPSILONS):
        rng, of_day = np.random.default_rng(7), np.random.default_rng(1000 * day + index)
        for site_index, site in enumerate(SITES):
            for k in range(8):
                image, sign = (site_index * 8 + k) % N_IMAGES, int(rng.choice([-1, 1]))
                change = sign * (PAPER[day][index] + rng.normal(scale=0.5) + of_day.normal(scale=0.2))
                clean = 70.0 + 20 * rng.normal()
                name = (
                    f"{site}{image}{epsilon}",
                    "attacked",
                    "anchor",
                    f"image-{image}",
                    site,
                    epsilon,
                    0.999 * epsilon,
                )
                rates = clean, clean + 60 * change + 12 * sign * epsilon
                rows.append((*name, sign, *rates, change, change, 2, abs(change), change**2))
    return {name: [row[i] for row in rows] for i, name in enumerate(PAIRS.columns)}


def _evaluation(day: int, *, simulated: bool) -> EvaluationReport:
    rng = np.random.default_rng(200 + day)
    unknown = SITES[-1]  # a site whose reliability and correlation could not be computed
    return EvaluationReport(
        simulated=simulated,
        day=day,
        n_sites=N_SITES,
        n_attacked=504,
        epsilons=tuple(
            EpsilonEvaluation(
                epsilon=epsilon,
                n_pairs=168,
                sign_agreement_measured=0.5 + (AGREEMENT[day] - 0.5) * (0.2 + 0.08 * epsilon),
                sign_agreement_true=AGREEMENT[day] if simulated else None,
                realised_epsilon_mean=0.9991 * epsilon,
                realised_epsilon_max=0.9999 * epsilon,
                mean_attacked_hz=80.5,
                predicted_change=0.2 * epsilon,
            )
            for epsilon in EPSILONS
        ),
        sigma_hz=dict.fromkeys(SITES, 21.5),
        sigma_corrected_hz={site: 20.1 if site != unknown else None for site in SITES},
        r_predicted={site: float(R[day] + 0.08 * rng.normal()) if site != unknown else None for site in SITES},
        reliability={site: float(rng.uniform(0.77, 0.92)) if site != unknown else None for site in SITES},
        preferred_hz={site: float(rng.uniform(100, 160)) for site in SITES},
        random_pair=1.12,
        examples=tuple(
            Example(
                neuroid_id=SITES[i],
                epsilon=EPSILONS[i % 3],
                clean_index=i,
                attacked_index=6 + i,
                category=f"disc_dots_{i}",
                rate_clean_hz=45.0,
                rate_attacked_hz=121.5,
            )
            for i in range(6)
        ),
        rasters=tuple(_raster(rng, title, epsilon, rate) for title, epsilon, rate in _RASTERS),
    )


_RASTERS = (
    ("preferred", 0.0, 140.0),
    ("non-preferred", 0.0, 40.0),
    ("attacked", 2.5, 90.0),
    ("attacked", 10.0, 170.0),
)


def _raster(rng: np.random.Generator, title: str, epsilon: float, rate_hz: float) -> RasterExample:
    def showing() -> tuple[float, ...]:
        base = rng.uniform(-100, 300, size=rng.poisson(30 * 0.4))
        driven = rng.uniform(70, 170, size=rng.poisson(rate_hz * 0.1))
        return tuple(sorted(float(t) for t in [*base, *driven]))

    return RasterExample(
        title=title,
        neuroid_id=SITES[0],
        epsilon=epsilon,
        image_index=int(6 * (epsilon > 0)),
        category="disc_dots",
        spike_times_ms=tuple(showing() for _ in range(4)),
    )


def _quality(day: int, *, simulated: bool) -> IngestQuality:
    return IngestQuality(
        simulated=simulated,
        day=day,
        session_id=f"5f0c61a2-{day:02d}",
        files={"array1.nev": "NEV 2.3, 96 electrodes"},
        spikes_from="nev",
        n_spikes=1_234_567,
        duration_s=1510.0,
        n_presented=2504,
        n_rejected=341,
        n_used=2491,
        set_aside={"code_lost_and_no_photodiode": 9, "overlaps_gap": 4},
        codes_sent=3321,
        codes_received=3318,
        codes_matched=3301,
        codes_lost=20,
        codes_doubled=17,
        codes_changed=0,
        codes_unmatched=("word 17 at 103.52 s",) if day == 1 else (),
        clock_offset_s=0.01,
        clock_drift_ppm=19.87,
        clock_residual_iqr_ms=0.031,
        photodiode_lag_median_ms=12.03,
        photodiode_lag_iqr_ms=0.07,
        n_without_photodiode=3,
        twin_separation_median_min=8.4,
        twin_separation_min_min=0.2,
        raw_agreement=(
            RawAgreement(
                electrode_id=5,
                definition="zero_phase_butter",
                n_offline=9120,
                n_nev=9201,
                recall=0.981,
                precision=0.990,
                tolerance_ms=0.5,
            ),
        )
        if day == 1
        else (),
        reliability_median=0.845,
    )


def _plan(day: int, *, simulated: bool) -> DayPlan:
    budget = Budget(n_presentations=2504, n_images=1044, hours=0.41, allowed_hours=5.0)
    return DayPlan(
        simulated=simulated,
        day=day,
        budget=budget,
        n_clean=300,
        n_anchors=56,
        n_normalizers=25,
        n_attacked=756,
        n_controls=96,
    )


def _fit(day: int, *, simulated: bool) -> FitReport:
    return FitReport(
        simulated=simulated,
        day=day,
        readout_start="random",
        n_stimuli=804 * (day + 1),
        n_presentations=1608 * (day + 1),
        n_fitted_by_day=(1608,) * (day + 1),
        loss_by_epoch=(0.9, 0.7, 0.61, 0.58, 0.57),
        heldout_images="clean images of this day",
        n_heldout=300,
        r_heldout=(R[day],) * N_SITES,
        r_fitted=(0.9,) * N_SITES,
    )


def publish_shown(paths: StudyPaths, day: int) -> None:
    """Publish a simulated session that was shown to its end, and the schedule that it was shown by."""
    counts = dict.fromkeys(
        ("n_segments", "n_trials", "n_trials_completed", "n_trials_broken", "n_trials_ignored", "n_presentations",
         "n_accepted", "n_remaining", "n_time_outs"), 1
    )  # fmt: skip
    SessionSummary(
        simulated=True, session_id="s", display="headless", outcome="complete", n_rejected={}, duration_s=1.0,
        reward_ms=1.0, **counts,
    ).write(paths.day(day).folder("present") / SUMMARY.name)  # fmt: skip
    for stage in ("schedule", "present"):
        manifest_of(paths, day, stage, simulated=True)


def manifest_of(paths: StudyPaths, day: int, stage: str, *, simulated: bool) -> None:
    Manifest(
        simulated=simulated,
        stage=stage,
        day=day,
        seed=3,
        code_version="0.1.0",
        protocol_sha256="0" * 64,
        input_hash="0" * 64,
        inputs={},
        outputs={"a.json": FileEntry(sha256="0" * 64, n_bytes=1)},
        seconds=4.2,
        peak_memory_mb=310.0,
    ).write(paths.folder(stage, day) / MANIFEST_NAME)


@pytest.fixture(scope="session")
def build_study() -> Callable[..., StudyPaths]:
    """Give the builder itself, for studies of another shape."""
    return evaluated_study


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    """Give four evaluated days and a fifth that has reached *ingest*."""
    return evaluated_study(tmp_path / "study")
