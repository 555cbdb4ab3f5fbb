"""From a hidden network's feature maps to firing rates: mixtures seen through receptive fields, and a rate curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from closedloop.simulation.cortex.electrodes import DayTuning, Electrodes
from closedloop.simulation.cortex.network import CortexNetwork

_SPONTANEOUS = 1.5
"""Drive, in standard deviations below the mean over clean images, under which a Naka-Rushton cell falls silent."""


@dataclass(frozen=True)
class RateCurve:
    """How an electrode's two mixtures become a rate.

    Parameters
    ----------
    combine
        Of both mixtures, in standard deviations over clean images, (n, n_electrodes), and the strength of their
        interaction: the drive, (n, n_electrodes).
    saturate
        Of drive, slope and threshold: the part of the range of rates, 0 to 1, (n, n_electrodes).
    """

    combine: Callable[[Tensor, Tensor, float], Tensor]
    saturate: Callable[[Tensor, Tensor, Tensor], Tensor]


def _with_product(first: Tensor, second: Tensor, interaction: float) -> Tensor:
    size: float = (1 + interaction**2) ** 0.5
    return (first + interaction * first * second) / size


def _divided(first: Tensor, second: Tensor, interaction: float) -> Tensor:
    """Divide the first mixture by the second's rectified one: a cell beside a strong pool answers less."""
    return first * (1 + interaction) / (1 + interaction * functional.softplus(second))


def _sigmoid(drive: Tensor, slope: Tensor, threshold: Tensor) -> Tensor:
    return torch.sigmoid(slope * (drive - threshold))


def _naka_rushton(drive: Tensor, slope: Tensor, threshold: Tensor) -> Tensor:
    """Return u^n / (u^n + u50^n) of the rectified drive u (Naka and Rushton 1966), half at the threshold."""
    exponent = 2 * slope  # about the sigmoid's steepness there
    powered = functional.softplus(drive + _SPONTANEOUS) ** exponent
    return powered / (powered + functional.softplus(threshold + _SPONTANEOUS) ** exponent)


PRODUCT_SIGMOID = RateCurve(_with_product, _sigmoid)
"""The shipped cortex's: the mixtures multiply, a sigmoid saturates."""

DIVISION_NAKA_RUSHTON = RateCurve(_divided, _naka_rushton)
"""The recurrent cortex's: one mixture divides the other, and the rate is a power of the drive that saturates."""


@dataclass(frozen=True)
class Reference:
    """Feature maps of the reference images, and each channel's mean and standard deviation over them."""

    features: Tensor
    mean: Tensor
    sd: Tensor


class CortexResponses(nn.Module):
    """Hidden network, sparse mixtures seen through receptive fields, their interaction, and a curve to the rate."""

    def __init__(
        self,
        network: CortexNetwork,
        electrodes: Electrodes,
        tuning: DayTuning,
        *,
        reference: Reference,
        interaction: float,
        curve: RateCurve,
    ) -> None:
        super().__init__()
        self.network = network
        self.interaction = interaction
        self.curve = curve
        self.field = nn.Buffer(_float32(electrodes.field))  # buffers, all of them: they go where the model goes
        self.floor_hz = nn.Buffer(_float32(electrodes.floor_hz))
        self.slope = nn.Buffer(_float32(electrodes.slope))
        self.threshold = nn.Buffer(_float32(electrodes.threshold))
        self.range_hz = nn.Buffer(_float32(electrodes.range_hz * tuning.gain))
        self.channel_mean, self.channel_sd = nn.Buffer(reference.mean), nn.Buffer(reference.sd)
        self.mixtures = nn.Buffer(torch.stack([_float32(tuning.mixture), _float32(tuning.partner)]))
        drive_mean, drive_sd = self._moments(reference)
        self.drive_mean, self.drive_sd = nn.Buffer(drive_mean), nn.Buffer(drive_sd)

    def forward(self, images: Tensor) -> Tensor:
        """Return rates in Hz, shape (n, n_electrodes), of images in [0, 1]."""
        first, second = (self._mix(self.network.features(images)) - self.drive_mean) / self.drive_sd
        drive = self.curve.combine(first, second, self.interaction)
        return self.floor_hz + self.range_hz * self.curve.saturate(drive, self.slope, self.threshold)

    def _mix(self, features: Tensor) -> Tensor:
        """Return both mixtures of the standardised channels in each receptive field, shape (2, n, n_electrodes)."""
        standardised = (features - self.channel_mean.view(-1, 1, 1)) / self.channel_sd.view(-1, 1, 1)
        seen = torch.einsum("nchw,ehw->nec", standardised, self.field)
        return torch.einsum("nec,mec->mne", seen, self.mixtures)

    @torch.no_grad()
    def _moments(self, reference: Reference) -> tuple[Tensor, Tensor]:
        mixed = self._mix(reference.features)
        return mixed.mean(1, keepdim=True), mixed.std(1, keepdim=True)


def _float32(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values).float()
