"""Recorded days to ask gates about, made by hand: what ingest, evaluate and refit leave, with room for one fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.quality import ClockRun, DeviceQuality, IngestQuality
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.gates.context import GateContext
from tests.unit.days import protocol, stimulus, write_stimuli

Floats = NDArray[np.float64]
WINDOW_S = 0.1
N_NORMALIZERS, N_FRESH, REPETITIONS = 24, 6, 4
N_SITES = 8  # the first electrodes are the model's
STUDY = StudyDocument(
    simulated=True,
    study_id="abc",
    subject="nobody",
    protocol_name="smoke",
    protocol_sha256="p",
    code_version="0",
    arrays=("array1",),
    pool=PoolDescription(kind="procedural", side_px=8, seed=1, n_categories=4, n_per_category=10),
    base_model="small_resnet_robust",
)


def tuning(n_electrodes: int, *, n_images: int = N_NORMALIZERS + N_FRESH, seed: int = 0) -> Floats:
    """Return rates in Hz, (n_images, n_electrodes): each electrode has its own profile over images."""
    return 40 + 15 * np.random.default_rng(seed).standard_normal((n_images, n_electrodes))


@dataclass
class Recorded:
    """A study with recorded days; what is not told otherwise passes every gate."""

    root: Path
    sections: dict[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> StudyPaths:
        return StudyPaths(self.root)

    @property
    def protocol(self) -> Protocol:
        return protocol(**self.sections)

    def ask(self, gate: Callable[[GateContext], GateFinding], day: int) -> GateFinding:
        """Ask one gate about a day."""
        return gate(GateContext(self.paths, STUDY, self.protocol, day))

    def quality(self, day: int, *devices: dict[str, Any], **values: Any) -> None:
        """Write quality.json of devices that are good but for some values; one by default."""
        file = catalog.QUALITY
        file.write(file.published(self.paths, day), quality(day, *(devices or ({},)), **values), simulated=True)

    def responses(
        self,
        day: int,
        rates_hz: Floats,
        *,
        names: Sequence[str] | None = None,
        reliability: Sequence[float | None] | None = None,
        processors: Sequence[int] | None = None,
        noise_hz: float = 3.0,
    ) -> None:
        """Write a day's stimuli, counts and sites: normalizers, then fresh images, each shown four times.

        Parameters
        ----------
        day
            Which.
        rates_hz
            Of each image and electrode, (n_images, n_electrodes); NaN where it was not recorded.
        names
            Of the electrodes; by their number, else.
        reliability
            Of each electrode; .8, else.
        processors
            Of each electrode; 1, else.
        noise_hz
            SD of a single response.
        """
        n = rates_hz.shape[1]
        names = names or [f"array1-{electrode:03d}" for electrode in range(1, n + 1)]
        rows = [stimulus("clean", "normalizer" if i < N_NORMALIZERS else "clean", i) for i in range(len(rates_hz))]
        write_stimuli(self.paths, day, rows)
        image_index = np.tile(np.arange(len(rates_hz)), REPETITIONS)
        noise = noise_hz * np.random.default_rng([7, day]).standard_normal((len(image_index), n))
        write_counts(self.paths, day, image_index, (rates_hz[image_index] + noise) * WINDOW_S)
        mean_hz = [float(np.nanmean(column)) if np.isfinite(column).any() else None for column in rates_hz.T]
        sites = tuple(
            Site(
                neuroid_id=names[i],
                electrode_id=i + 1,
                reliability=reliability[i] if reliability else 0.8,
                mean_rate_hz=mean_hz[i],
                sigma_hz=15.0,
                site_index=i if i < N_SITES else None,
                processor=processors[i] if processors else 1,
            )
            for i in range(n)
        )
        table = SiteTable(simulated=True, day=day, sites=sites)
        catalog.SITES.write(catalog.SITES.published(self.paths, day), table, simulated=True)


def write_counts(
    paths: StudyPaths,
    day: int,
    image_index: NDArray[np.int64],
    counts: Floats,
    *,
    onset_s: Floats | None = None,
) -> None:
    """Write the tables of a day's presentations.

    Parameters
    ----------
    paths, day
        Whose.
    image_index
        Of each presentation.
    counts
        (n_presentations, n_electrodes).
    onset_s
        Of each presentation; a second apart, else.
    """
    n = len(image_index)
    columns = {
        "ordinal": np.arange(n),
        "presentation_index": np.arange(n),
        "image_index": image_index,
        "stimulus_id": ["x"] * n,
        "repetition": np.zeros(n, dtype=int),
        "onset_s": np.arange(n, dtype=float) if onset_s is None else onset_s,
        "onset_source": ["photodiode"] * n,
        "used": np.ones(n, dtype=bool),
        "reason": [""] * n,
    }
    arrays = {"counts": counts, "electrode_id": np.arange(1, counts.shape[1] + 1)}
    catalog.RESPONSES.write(catalog.RESPONSES.published(paths, day), columns, simulated=True)
    catalog.COUNTS.write(catalog.COUNTS.published(paths, day), arrays, simulated=True)


def clock(**values: Any) -> ClockRun:
    """Return a good run of a clock but for some values."""
    usual = {
        "segment": 0,
        "epoch": 0,
        "n_codes": 1000,
        "offset_s": 4.0,
        "drift_ppm": 20.0,
        "residual_iqr_ms": 0.1,
    }
    return ClockRun(**usual | values)


def quality(day: int, *devices: dict[str, Any], **values: Any) -> IngestQuality:
    """Return a good day's quality but for some values of the whole and of each device; no device as in version 0.1."""
    made = [
        DeviceQuality(
            **{
                "name": f"array{number}",
                "processor": number,
                "duration_s": 1200.0,
                "n_epochs": 1,
                "n_stretches": 1,
                "n_electrodes": 96,
                "n_spikes": 1_000_000,
                "n_used": 1000,
                "set_aside": {},
                "codes_received": 1000,
                "codes_matched": 1000,
                "codes_lost": 0,
                "codes_doubled": 0,
                "codes_changed": 0,
                "codes_unmatched": (),
                "clocks": (clock(),),
                "light_from": "array1",
                "photodiode_lag_median_ms": 12.0,
                "photodiode_lag_iqr_ms": 0.3,
                "n_without_photodiode": 0,
                "repairs": (),
            }
            | one
        )
        for number, one in enumerate(devices, start=1)
    ]
    usual: dict[str, Any] = {
        "day": day,
        "session_id": "s",
        "files": {},
        "spikes_from": "nev",
        "n_spikes": 1,
        "duration_s": 1200.0,
        "n_presented": 1000,
        "n_rejected": 0,
        "n_used": min((one.n_used for one in made), default=1000),
        "set_aside": {},
        "codes_sent": 1000,
        "codes_received": 1000,
        "codes_matched": 1000,
        "codes_lost": 0,
        "codes_doubled": 0,
        "codes_changed": 0,
        "codes_unmatched": (),
        "clock_offset_s": 4.0,
        "clock_drift_ppm": 20.0,
        "clock_residual_iqr_ms": 0.1,
        "photodiode_lag_median_ms": made[0].photodiode_lag_median_ms if made else 12.0,
        "photodiode_lag_iqr_ms": 0.3,
        "n_without_photodiode": made[0].n_without_photodiode if made else 0,
        "twin_separation_median_min": 3.0,
        "twin_separation_min_min": 1.0,
        "raw_agreement": (),
        "reliability_median": 0.8,
        "devices": tuple(made),
    }
    return IngestQuality(simulated=True, **usual | values)
