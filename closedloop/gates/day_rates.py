"""What a day's electrodes answered, as gates compare it with other days: rates of electrodes to clean images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.catalog import COUNTS, RESPONSES, SITES, STIMULI
from closedloop.artifacts.day.responses import Site
from closedloop.gates.context import GateContext

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CleanRates:
    """Mean rates of a day's electrodes to some of its clean images.

    Attributes
    ----------
    stimulus_id
        Of the images, (n_images,), ascending: the same bytes have the same name on every day.
    neuroid_id
        Of the electrodes, (n_electrodes,).
    rates_hz
        (n_images, n_electrodes), mean over usable repetitions; NaN where there is none.
    """

    stimulus_id: NDArray[Any]
    neuroid_id: NDArray[Any]
    rates_hz: Floats

    def of(self, stimulus_id: NDArray[Any], neuroid_id: NDArray[Any]) -> Floats:
        """Return the rates of some images and electrodes in an order, (n_images, n_electrodes); NaN where unknown."""
        images = {name: row for row, name in enumerate(self.stimulus_id.tolist())}
        electrodes = {name: column for column, name in enumerate(self.neuroid_id.tolist())}
        rows = [images.get(name, -1) for name in stimulus_id.tolist()]
        columns = [electrodes.get(name, -1) for name in neuroid_id.tolist()]
        padded = np.pad(self.rates_hz, ((0, 1), (0, 1)), constant_values=np.nan)
        return np.asarray(padded[np.ix_(rows, columns)])


def clean_rates(context: GateContext, *, roles: Collection[str]) -> CleanRates:
    """Read how a session's electrodes answered the clean images of some roles: clean, anchor, normalizer."""
    stimuli, counts = context.read(STIMULI), context.read(COUNTS)
    image_index = np.asarray(context.read(RESPONSES)["image_index"], dtype=np.int64)
    rows = np.flatnonzero((stimuli["kind"] == "clean") & np.isin(stimuli["role"], list(roles)))
    rows = rows[np.argsort(stimuli["stimulus_id"][rows], kind="stable")]
    mean = mean_response(counts["counts"] / window_s(context), image_index, n_images=len(stimuli["kind"]))
    recorded = context.read(SITES).sites[: mean.shape[1]]
    return CleanRates(
        np.asarray(stimuli["stimulus_id"][rows], dtype=str),
        np.array([site.neuroid_id for site in recorded], dtype=str),
        mean[rows],
    )


def window_s(context: GateContext) -> float:
    """Return the length of the window that spikes are counted in, seconds."""
    recording = context.protocol.recording
    return (recording.window_stop_ms - recording.window_start_ms) / 1000


def model_sites(context: GateContext) -> tuple[Site, ...]:
    """Return the model's sites as they were in a session, by the model's outputs; those not recorded have no rate."""
    return context.read(SITES).chosen()
