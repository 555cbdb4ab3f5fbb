"""A better start than N(0, 1): channel x space readouts fitted to clean images by alternating ridge regression.

Most of the growth that the paper's loop shows over days is the slow convergence of its random readout; this start
reaches after day 0 what gradient descent from the random one reaches days later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.models.readout import FactorisedReadout, FullReadout
from closedloop.models.site_model import SiteModel, features_of
from closedloop.training.dual_ridge import FullWeights, fit_full_readout

Float = NDArray[np.floating]


@dataclass(frozen=True)
class FactorisedWeights:
    """Readout ``sum_chw channel_sc spatial_shw features_chw + offset_s`` of each site.

    Parameters
    ----------
    channel
        (n_sites, n_channels).
    spatial
        (n_sites, height, width), root mean square 1 a site.
    offset
        (n_sites,).
    """

    channel: NDArray[np.float32]
    spatial: NDArray[np.float32]
    offset: NDArray[np.float32]


def fit_factorised_readout(
    features: NDArray[np.float32], responses: NDArray[np.float32], *, ridge: float = 0.1, iterations: int = 20
) -> FactorisedWeights:
    """Fit a rank-one readout of each site from clean images.

    Minimises ``|y - F(wc, ws)|^2 + penalty |wc|^2 |ws|^2`` by solving for the channel and the spatial weights in turn,
    from uniform spatial weights; every step lowers this sum.

    Parameters
    ----------
    features
        (n, n_channels, height, width).
    responses
        z-scored, (n, n_sites); NaN where unusable.
    ridge
        Penalty over the summed variance of one feature over the images, on average; without unit.
    iterations
        Pairs of steps.

    Raises
    ------
    ValueError
        Shapes do not agree, or a site has fewer than 2 usable images.
    """
    if len(features) != len(responses):
        raise ValueError(f"features and responses: expected as many images, found {len(features)} and {len(responses)}")
    fits = [_fit_site(features, y, ridge=ridge, iterations=iterations) for y in responses.T]
    channel, spatial, offset = (np.stack(part).astype(np.float32) for part in zip(*fits, strict=True))
    return FactorisedWeights(channel, spatial, offset)


@torch.no_grad()
def start_readout(
    model: SiteModel, images: NDArray[np.uint8], responses: NDArray[np.float32], *, ridge: float = 0.1
) -> None:
    """Replace a site model's random readout by a ridge fit to clean images, in place.

    A factorised readout is fitted by ranks of one (`fit_factorised_readout`), another fully
    (`dual_ridge.fit_full_readout`). Outputs with fewer than two usable responses keep their gain, their offset and the
    direction of their weights.

    Parameters
    ----------
    model
        Changed in place.
    images
        uint8, (n, side, side, 3).
    responses
        z-scored, (n, n_sites); NaN where unusable.
    ridge
        See the two.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.models import build_site_model, open_base_model, predict
    >>> from closedloop.training import start_readout
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=1, side_px=32, seed=0)
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    >>> responses = (images[..., 0].mean(axis=(1, 2)) - 127)[:, None].astype(np.float32)
    >>> start_readout(model, images, responses)
    >>> float(np.corrcoef(predict(model, images)[:, 0], responses[:, 0])[0, 1]) > 0.9
    True
    """
    bound = np.isfinite(responses).sum(axis=0) > 1
    features, readout = features_of(model, images).numpy(), model.readout
    gain = readout.gain.clone()
    if isinstance(readout, FullReadout):
        full = fit_full_readout(features, responses[:, bound], ridge=ridge)
        install_full_readout(model, FullWeights(*_replaced(readout, full, bound, ("weight", "offset"))))
    else:
        fitted = fit_factorised_readout(features, responses[:, bound], ridge=ridge)
        names = ("channel", "spatial", "offset")
        install_readout(model, FactorisedWeights(*_replaced(readout, fitted, bound, names)))
    unbound = torch.from_numpy(~bound)
    readout.gain[unbound] = gain[unbound]


def _replaced(
    readout: nn.Module, fitted: FactorisedWeights | FullWeights, bound: NDArray[np.bool_], names: tuple[str, ...]
) -> list[NDArray[np.float32]]:
    """Return a readout's weights by name, those of some sites replaced by fitted ones."""
    found = []
    for name in names:
        values = readout.get_parameter(name).detach().numpy().copy()
        values[bound] = getattr(fitted, name)
        found.append(values)
    return found


@torch.no_grad()
def install_readout(model: SiteModel, weights: FactorisedWeights) -> None:
    """Put fitted weights into a site model, in place.

    Both factors get a root mean square of 1, like the N(0, 1) start, and the gain takes up the scale, so that the
    same learning rate moves them by the same fraction.

    Raises
    ------
    ValueError
        The weights are of another number of sites or another feature map.
    """
    readout = model.readout
    if not isinstance(readout, FactorisedReadout):
        raise ValueError(f"readout: expected a factorised one, found {type(readout).__name__}")
    if weights.channel.shape != tuple(readout.channel.shape) or weights.spatial.shape != tuple(readout.spatial.shape):
        raise ValueError(f"readout: expected {tuple(readout.channel.shape)}, found {weights.channel.shape}")
    channel_rms = np.sqrt(np.mean(weights.channel**2, axis=1))
    spatial_rms = np.sqrt(np.mean(weights.spatial**2, axis=(1, 2)))
    if not channel_rms.all() or not spatial_rms.all():
        raise ValueError("readout: expected weights other than 0 at every site")
    readout.channel.copy_(torch.from_numpy(weights.channel / channel_rms[:, None]))
    readout.spatial.copy_(torch.from_numpy(weights.spatial / spatial_rms[:, None, None]))
    readout.gain.copy_(torch.from_numpy(channel_rms * spatial_rms))
    readout.offset.copy_(torch.from_numpy(weights.offset))


@torch.no_grad()
def install_full_readout(model: SiteModel, weights: FullWeights) -> None:
    """Put fitted weights of a full readout into a site model, in place; see `install_readout`.

    Raises
    ------
    ValueError
        The weights are of another number of sites or another feature map.
    """
    readout = model.readout
    if not isinstance(readout, FullReadout) or weights.weight.shape != tuple(readout.weight.shape):
        raise ValueError(f"readout: expected weights of a full one of its shape, found {weights.weight.shape}")
    rms = np.sqrt(np.mean(weights.weight**2, axis=(1, 2, 3)))
    if not rms.all():
        raise ValueError("readout: expected weights other than 0 at every site")
    readout.weight.copy_(torch.from_numpy(weights.weight / rms[:, None, None, None]))
    readout.gain.copy_(torch.from_numpy(rms))
    readout.offset.copy_(torch.from_numpy(weights.offset))


def _fit_site(features: Float, response: Float, *, ridge: float, iterations: int) -> tuple[Float, Float, Float]:
    """Channel weights (n_channels,), spatial weights (height, width) and offset () of one site."""
    usable = np.isfinite(response)
    if usable.sum() < 2:
        raise ValueError("responses: expected at least 2 usable images at every site")
    x, y = features[usable], response[usable].astype(np.float64)
    x_mean, y_mean = x.mean(axis=0, dtype=np.float64), y.mean()
    x = (x - x_mean).reshape(*x.shape[:2], -1)
    y = y - y_mean
    penalty = ridge * float(np.mean(np.sum(x**2, axis=0)))
    spatial = np.ones(x.shape[2])
    for _ in range(iterations):
        channel = _ridge(x @ spatial, y, penalty=penalty * float(spatial @ spatial))
        spatial = _ridge(np.einsum("ncp,c->np", x, channel), y, penalty=penalty * float(channel @ channel))
    rms = float(np.sqrt(np.mean(spatial**2)))
    channel, plane = channel * rms, (spatial / rms).reshape(features.shape[2:])
    return channel, plane, np.asarray(y_mean - np.einsum("chw,c,hw->", x_mean, channel, plane))


def _ridge(x: Float, y: Float, *, penalty: float) -> Float:
    """Solve ``min |y - x w|^2 + penalty |w|^2`` for w, in the smaller of the two equivalent systems."""
    n, n_features = x.shape
    if n_features <= n:
        return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(n_features), x.T @ y))
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(n), y))
