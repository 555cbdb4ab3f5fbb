"""What the simulated cortex really does: read by evaluation only, for the "true" and "white-box" columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_responses import DayResponses
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.models.site_model import freeze_for_attack
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.recorder import electrodes_each
from closedloop.stages.evaluate.pairs import Floats
from closedloop.storage import sha256_bytes


@dataclass(frozen=True)
class CortexSource:
    """Some electrodes of the cortex on one day, as a network that any process makes for itself: a `ModelSource`.

    Attributes
    ----------
    cortex
        The simulated subject.
    recording_day
        Counted from 0.
    columns
        Its electrodes.
    label
        What it is called.
    """

    cortex: HiddenCortex
    recording_day: int
    columns: tuple[int, ...]
    label: str

    @property
    def name(self) -> str:
        """The label, and all that decides what it answers."""
        own = self.cortex
        decides = (
            own.kind.name,
            own.weights,
            own.seed,
            own.n_electrodes,
            own.biology,
            self.recording_day,
            self.columns,
        )
        return f"{self.label} {sha256_bytes(repr(decides).encode())}"

    @property
    def travels(self) -> bool:
        """It does, as the few numbers that decide a cortex."""
        return True

    @property
    def reads(self) -> tuple[Path, ...]:
        """Nothing: a cortex is drawn, and its network ships."""
        return ()

    def load(self, device: Any) -> Any:
        """Return the network on a device."""
        return _in_memory(self).load(device)

    def __reduce__(self) -> tuple[type[CortexSource], tuple[Any, ...]]:
        """Leave behind what the cortex has made of itself."""
        return CortexSource, (replace(self.cortex), self.recording_day, self.columns, self.label)


@lru_cache(maxsize=1)
def _in_memory(source: CortexSource) -> InMemory:
    model = model_of_electrodes(source.cortex.response_model(source.recording_day), source.columns)
    return InMemory(freeze_for_attack(model), source.name)


@dataclass(frozen=True)
class HiddenTruth:
    """The hidden cortex's answers on one day.

    Attributes
    ----------
    rates_hz
        Expected rate of each chosen site to each stimulus, (n_images, n_sites).
    source
        The cortex as a network of the chosen sites, to be attacked with its own gradient.
    """

    rates_hz: Floats
    source: CortexSource


def read_hidden_truth(
    cortex: HiddenCortex,
    day: DayResponses,
    *,
    recording_day: int,
    n_processors: int,
    name: str,
    without: tuple[str, ...] = (),
) -> HiddenTruth:
    """Ask the hidden cortex what it does on a day.

    Parameters
    ----------
    cortex
        The simulated subject.
    day
        The day's stimuli and chosen sites.
    recording_day
        Counted from 0: tuning drifts.
    n_processors
        Of the recorder, which share the electrodes.
    name
        Identifies the cortex of this day among attacked models.
    without
        Kinds of stimuli that nobody asks about: they have NaN. None, and the stimuli need not say their kind.
    """
    columns = _columns(day.sites, n_electrodes=cortex.n_electrodes, n_processors=n_processors)
    asked = np.ones(day.n_images, dtype=bool)
    if without:
        asked = ~np.isin(day.stimuli.columns["kind"], without)
    rates_hz = np.full((day.n_images, len(columns)), np.nan)
    rates_hz[asked] = cortex.rates_hz(day.stimuli.images[asked], day=recording_day)[:, columns]
    return HiddenTruth(rates_hz, CortexSource(cortex, recording_day, tuple(columns), name))


def _columns(sites: Sequence[Site], *, n_electrodes: int, n_processors: int) -> list[int]:
    """Return the cortex's electrode of each site: processors number theirs from 1 anew."""
    each = electrodes_each(n_electrodes, n_processors)
    return [(site.processor - 1) * each + site.electrode_id - 1 for site in sites]
