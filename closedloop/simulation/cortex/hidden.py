"""The simulated cortex: images in, firing rates of 96 electrodes out, through a network that no model of it shares.

A loop sees it only as spikes. `HiddenCortex.rates_hz` and `HiddenCortex.response_model` are the hidden truth; they are
for evaluation, which draws the columns "true" and "white box", and for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.simulation.cortex.electrodes import CortexBiology, Electrodes, draw_electrodes, tuning_on
from closedloop.simulation.cortex.kinds import SHIPPED, CortexKind
from closedloop.simulation.cortex.network import CORTEX_SIDE_PX, CortexNetwork
from closedloop.simulation.cortex.recipe import CortexRecipe
from closedloop.simulation.cortex.responses import CortexResponses, Reference
from closedloop.simulation.cortex.training import load_cortex_network
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.storage import sha256_bytes

_BATCH = 64
_N_REFERENCE_IMAGES = 480
_REFERENCE_POOL_SEED = CortexRecipe().pool_seed + 1

_BatchName = tuple[int, tuple[int, ...], str]
"""The day, shape and hash of some images."""


@dataclass(frozen=True)
class HiddenCortex:
    """One simulated subject.

    Parameters
    ----------
    seed
        Decides tuning, drift and noise: the subject.
    n_electrodes
        Contacts of the array.
    biology
        How hard the cortex is to model.
    weights
        Other weights of the hidden network than those that the kind ships.
    kind
        What network, receptive fields and rate curve it has (`kinds.KINDS`).
    """

    seed: int
    n_electrodes: int = 96
    biology: CortexBiology = field(default_factory=CortexBiology)
    weights: Path | None = None
    kind: CortexKind = SHIPPED

    @cached_property
    def electrodes(self) -> Electrodes:
        """What the electrodes are tuned to on day 0 (hidden truth)."""
        return draw_electrodes(
            self.biology, seed=self.seed, n_electrodes=self.n_electrodes, draw_fields=self.kind.draw_fields
        )

    @property
    def baseline_rate_hz(self) -> NDArray[np.float64]:
        """Spontaneous rates on a grey screen, about 9 Hz on average, shape (n_electrodes,)."""
        return self.electrodes.baseline_hz

    def rates_hz(self, images: NDArray[np.uint8], *, day: int) -> NDArray[np.float64]:
        """Return the expected rate in the response window, without noise: the hidden truth, for evaluation only.

        Parameters
        ----------
        images
            uint8, shape (n_images, height, width, 3), any size.
        day
            Recording day, counted from 0.

        Returns
        -------
        NDArray
            Rates in Hz, shape (n_images, n_electrodes). An image's rates do not depend on its neighbours.
        """
        if not len(images):
            return np.empty((0, self.n_electrodes))
        asked = [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]
        names = [(day, batch.shape, sha256_bytes(batch.tobytes())) for batch in asked]
        known = self._answers.copy()
        answers = {name: known[name] for name in names if name in known}
        if len(answers) < len(set(names)):
            model = self.response_model(day)
            with torch.no_grad():
                for name, batch in zip(names, asked, strict=True):
                    if name not in answers:
                        answers[name] = _rates_of_batch(model, batch)
        self._answers.clear()
        self._answers.update(answers)
        return np.concatenate([answers[name] for name in names])

    @cached_property
    def _answers(self) -> dict[_BatchName, NDArray[np.float64]]:
        """What was answered last, batch by batch: a day is recorded first, and evaluated on the same images."""
        return {}

    def response_model(self, day: int) -> nn.Module:
        """Return the differentiable hidden truth of one day, for white-box attacks by evaluation only.

        Returns
        -------
        nn.Module
            Images (n, 3, height, width) in [0, 1] to rates in Hz (n, n_electrodes); frozen, in ``eval`` mode.
        """
        tuning = tuning_on(self.electrodes, self.biology, seed=self.seed, day=day)
        model = CortexResponses(
            self._network,
            self.electrodes,
            tuning,
            reference=self._reference,
            interaction=self.biology.interaction,
            curve=self.kind.curve,
        )
        return model.eval().requires_grad_(False)

    @cached_property
    def _network(self) -> CortexNetwork:
        return load_cortex_network(self.weights, kind=self.kind)

    @cached_property
    def reference_images(self) -> NDArray[np.uint8]:
        """Clean images of no experiment, against which drives are standardised, uint8, shape (480, 32, 32, 3)."""
        pool = ProceduralPool(_REFERENCE_POOL_SEED, side_px=CORTEX_SIDE_PX, n_per_category=_N_REFERENCE_IMAGES // 30)
        return load_images(pool, tuple(image.image_id for image in pool.images()))

    @cached_property
    def _reference(self) -> Reference:
        with torch.no_grad():
            features = self._network.features(_to_tensor(self.reference_images))
        return Reference(features, features.mean((0, 2, 3)), features.std((0, 2, 3)))


def _rates_of_batch(model: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return rates of up to a batch of images, filled up with black: sums round alike for any number of images."""
    padded = np.pad(images, ((0, _BATCH - len(images)), (0, 0), (0, 0), (0, 0)))
    rates: Tensor = model(_to_tensor(padded))[: len(images)]
    return np.asarray(rates.double().numpy())


def _to_tensor(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255
