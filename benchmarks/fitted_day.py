"""A day of a finished simulated study, as the objectives' benchmark asks it: its model, its clean images, the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.attacks.synthesis.sources import SiteModelFile, site_model_file
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.simulation.cortex.electrodes import HEADROOM, CortexBiology
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.subject import simulated_cortex

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
BIOLOGIES = {"shipped": CortexBiology(), "headroom": HEADROOM}


@dataclass(frozen=True)
class FittedDay:
    """The last day of a study."""

    study: Path
    day: int

    @cached_property
    def responses(self) -> DayResponses:
        """What was recorded."""
        return read_day_responses(reader_of(StudyPaths(self.study)), self.day, window_s=0.1)

    @cached_property
    def source(self) -> SiteModelFile:
        """The model by which the day's attacks were made."""
        return site_model_file(catalog.MODEL.published(StudyPaths(self.study), self.day))

    @cached_property
    def model(self) -> DayModel:
        """The same, loaded."""
        return load_site_model(self.source.path)

    @cached_property
    def clean(self) -> Images:
        """Its fresh clean images, (n_images, side, side, 3)."""
        return np.asarray(self.responses.stimuli.images[evaluated_clean_rows(self.responses.stimuli)])

    @cached_property
    def sites(self) -> list[int]:
        """Outputs of the model that are bound to an electrode."""
        return [site.site_index for site in self.responses.sites if site.site_index is not None]

    @cached_property
    def predicted(self) -> Floats:
        """The model's responses to the clean images, (n_images, n_outputs)."""
        return predict(self.model, self.clean).astype(np.float64)

    def true_z(self, images: Images, biology: str) -> Floats:
        """Return true responses in SD over the day's clean images, (n_images, n_sites), in the order of `sites`."""
        rates, clean = (self._rates(shown, biology) for shown in (images, self.clean))
        return np.asarray((rates - clean.mean(axis=0)) / clean.std(axis=0))

    def _rates(self, images: Images, biology: str) -> Floats:
        cortex = self._cortex
        asked = HiddenCortex(cortex.seed, cortex.n_electrodes, BIOLOGIES[biology], kind=cortex.kind)
        columns = [site.electrode_id - 1 for site in self.responses.sites if site.site_index is not None]
        return asked.rates_hz(images, day=self.day)[:, columns]

    @cached_property
    def _cortex(self) -> HiddenCortex:
        paths = StudyPaths(self.study)
        return simulated_cortex(read_protocol(paths.protocol), StudyDocument.read(paths.study))
