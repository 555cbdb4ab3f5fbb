"""Linear readouts of recorded sites from a feature map: channel x space factorised (section 3.1; Klindt et al. 2017).

Site i answers ``gain_i * sum_chw wc_ic ws_ihw features_chw + offset_i``. Both factors start as N(0, 1); gain and
offset are set from clean images so that the first outputs are z-scored like the responses they are to fit. Without
this the outputs have a spread of tens to hundreds, the paper's MSE(r, +-1000) changes sign beyond 1000, and no fit
recovers. A positive gain and an offset change neither the direction nor the ranking of an attack.

A full readout has a weight of its own for every channel and place; of a map of one pixel (an average, a class token)
that is a weight a channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.models.networks.description import ReadoutKind

LARGEST_OUTPUT = 100.0  # far below the 1000 of the paper's loss (section 3.1)
SMALLEST_VARIATION = 1e-6  # of an output over images, relative to its size; less is float32's rounding


class FactorisedReadout(nn.Module):
    """Channel weights x spatial weights, a pair a site.

    Parameters
    ----------
    n_sites
        Recorded sites.
    feature_shape
        Channels, height and width of the feature map.
    seed
        Of the N(0, 1) draw of both factors.
    """

    gain: Tensor

    def __init__(self, *, n_sites: int, feature_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        n_channels, height, width = feature_shape
        self.channel = nn.Parameter(torch.randn(n_sites, n_channels, generator=generator))
        self.spatial = nn.Parameter(torch.randn(n_sites, height, width, generator=generator))
        self.offset = nn.Parameter(torch.zeros(n_sites))
        self.register_buffer("gain", torch.ones(n_sites))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, n_channels, height, width) to predicted responses (n, n_sites)."""
        return self.gain * self.uncalibrated(features) + self.offset

    def uncalibrated(self, features: Tensor) -> Tensor:
        """Sum of channel weight x spatial weight x feature, (n, n_sites)."""
        mixed = torch.einsum("nchw,sc->nshw", features, self.channel)
        return (mixed * self.spatial).sum(dim=(2, 3))


class FullReadout(nn.Module):
    """A weight for every channel and place of the map, and every site.

    Parameters
    ----------
    n_sites
        Recorded sites.
    feature_shape
        Channels, height and width of the feature map.
    seed
        Of the N(0, 1) draw of the weights.
    """

    gain: Tensor

    def __init__(self, *, n_sites: int, feature_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(n_sites, *feature_shape, generator=generator))
        self.offset = nn.Parameter(torch.zeros(n_sites))
        self.register_buffer("gain", torch.ones(n_sites))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, n_channels, height, width) to predicted responses (n, n_sites)."""
        return self.gain * self.uncalibrated(features) + self.offset

    def uncalibrated(self, features: Tensor) -> Tensor:
        """Sum of weight x feature, (n, n_sites).

        Site by site and as sums, because a product of matrices whose rows are images rounds by how many there are.
        """
        features = features.contiguous()
        return torch.stack([(features * weights).flatten(1).sum(dim=1) for weights in self.weight], dim=1)


Readout = FactorisedReadout | FullReadout


def build_readout(kind: ReadoutKind, *, n_sites: int, feature_shape: tuple[int, int, int], seed: int) -> Readout:
    """Return a random, not yet calibrated readout.

    Parameters
    ----------
    kind
        ``factorised`` or ``full``, of the map; ``average`` or ``class_token``, of a map of one pixel.
    n_sites
        Recorded sites.
    feature_shape
        Channels, height and width of what it sees.
    seed
        Of the N(0, 1) draw.
    """
    family = FactorisedReadout if kind == "factorised" else FullReadout
    return family(n_sites=n_sites, feature_shape=feature_shape, seed=seed)


@torch.no_grad()
def calibrate(readout: Readout, features: Tensor) -> None:
    """Set gain and offset so that the outputs on clean images have mean 0 and standard deviation 1 at every site.

    Parameters
    ----------
    readout
        Changed in place; its two weight factors stay.
    features
        Of clean images, (n, n_channels, height, width), n at least 2.

    Raises
    ------
    CheckpointError
        A site's output is the same for every image, not finite, or so far out that the paper's loss would turn over.
    """
    outputs = readout.uncalibrated(features).double()
    mean, spread = outputs.mean(dim=0), outputs.std(dim=0, correction=0)
    varies = bool((spread > SMALLEST_VARIATION * outputs.abs().amax(dim=0)).all())  # False for NaN, too
    if not varies or float(((outputs - mean) / spread).abs().max()) > LARGEST_OUTPUT:
        raise CheckpointError(
            "base model: its features of the clean images are constant, not finite or full of outliers. "
            "Use other weights or more varied clean images."
        )
    readout.gain.copy_(1 / spread)
    readout.offset.copy_(-mean / spread)
