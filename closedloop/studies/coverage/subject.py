"""One simulated subject, asked for all that an experiment with it may show: images to draw from, with known answers.

A site's anchors are drawn from a *bank* twice their number, with replacement and as images of their own. So they are a
sample of a known distribution, over which the mean of every true change is known exactly: the truth that an interval
over images has to cover.

The attacks stand in for a fitted model's. A model that is right on clean images is wrong off them, and what the cortex
does under its attacks is told by the cosine of its gradient to the cortex's own (within .01 of the attained part of
white-box at epsilon 1). So an attack goes along the cortex's gradient at a stated cosine, and else along another
gradient of the same site, at another image, made orthogonal to it: directions that move the site somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.artifacts.naming import derive_seed, generator
from closedloop.attacks.balls import radius_at
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import SHARED_TRIAL_NOISE
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.studies.coverage.settings import WINDOW_S, CoverageStudy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EARLY, LATE, BOUND = 0, 1, 2
"""Attacks of an early and of a late day, and those along the cortex's own gradient (white box, to first order)."""

DAY = 1  # of the cortex's tuning; presentations of several sessions differ by their ordinals and their time
_SIDE_PX = 32
_BATCH = 64
_BANK = 2  # images to draw from for each that is drawn
_SITE_SD, _PAIR_SD, _LARGEST_COSINE = 0.1, 0.15, 0.95
_SLOW_VARIANCE = 0.06**2 + 0.04**2  # of the logarithm of the gain that drifts over minutes (`simulation.cortex.trials`)
_LEAST_LENGTH = 1e-12


@dataclass(frozen=True)
class SimulatedSubject:
    """The hidden rates of one simulated subject, all in Hz and of all its electrodes.

    Attributes
    ----------
    cortex
        The subject.
    electrode
        Electrode of each site, (n_sites,): those with the largest part of true variance over clean images.
    clean_hz
        Fresh clean images to draw from, (n, n_electrodes).
    anchor_hz
        Anchors to draw from, (n_bank, n_electrodes).
    slot_bank
        Anchors that each place among the anchors draws from, (n_anchors, n of each).
    pair_image, pair_site
        Anchor and site of each pair of the bank, (n_pairs,).
    sign
        Direction in which each pair is attacked, -1 or 1, (n_pairs,).
    predicted_hz
        What a model predicts of each pair's attack, signed, (n_epsilons, n_pairs).
    attacked_hz
        (3, n_epsilons, n_pairs, n_electrodes): early, late and along the gradient.
    control_clean_hz, control_hz
        Images that controls are made of, (n, n_electrodes), and their controls, (2, n_epsilons, n, n_electrodes):
        Gaussian noise, and a step towards another image.
    """

    cortex: HiddenCortex
    electrode: Integers
    clean_hz: Floats
    anchor_hz: Floats
    slot_bank: Integers
    pair_image: Integers
    pair_site: Integers
    sign: Integers
    predicted_hz: Floats
    attacked_hz: Floats
    control_clean_hz: Floats
    control_hz: Floats

    def sigma_hz(self, n_repetitions: int) -> Floats:
        """Return each site's SD over clean images with the noise of so many repetitions: the paper's sigma.

        Poisson counts, the gain of a presentation, and the slow gain, which differs between repetitions far apart.
        """
        rates = self.clean_hz[:, self.electrode]
        variance = rates.var(axis=0) + self._noise_variance(rates).mean(axis=0) / n_repetitions
        return np.asarray(np.sqrt(variance))

    def noise_sd_hz(self, rates_hz: Floats, electrode: Integers) -> Floats:
        """Return the SD of one presentation's measured rate, Hz, (n,), of given true rates at given electrodes."""
        variance = rates_hz / WINDOW_S + rates_hz**2 * np.expm1(self._log_variance()[electrode])
        return np.asarray(np.sqrt(variance))

    def _noise_variance(self, rates: Floats) -> Floats:
        return np.asarray(rates / WINDOW_S + rates**2 * np.expm1(self._log_variance()[self.electrode]))

    def _log_variance(self) -> Floats:
        return np.asarray(self.cortex.electrodes.trial_noise**2 + SHARED_TRIAL_NOISE**2 + _SLOW_VARIANCE)


def simulate_subject(study: CoverageStudy, number: int) -> SimulatedSubject:
    """Draw a subject and its images, attack them, and ask its cortex for all rates.

    Parameters
    ----------
    study
        The design.
    number
        Another subject and other images for each.
    """
    cortex = HiddenCortex(derive_seed(study.seed, "coverage", number, "subject"))
    model = cortex.response_model(DAY)
    sites_of_slot = _sites_of_slots(study)
    slot_bank = _banks(sites_of_slot)
    n_bank, n_clean, n_controls = int(slot_bank.max()) + 1, _BANK * study.n_clean, 2 * study.n_controls
    images = _images(study, number, n=n_bank + n_clean + n_controls)
    anchors, clean, controlled = np.split(images, [n_bank, n_bank + n_clean])
    clean_hz = _rates_of(model, clean)
    electrode = _most_reliable(cortex, clean_hz, n=study.n_sites)
    pairs = sorted(
        {
            (int(image), site)
            for bank, sites in zip(slot_bank, sites_of_slot, strict=True)
            for image in bank
            for site in sites
        }
    )
    pair_image, pair_site = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    attacks = _Attacks(study, number, model, electrode[pair_site], pair_site)
    found = [attacks.of_pairs(anchors[pair_image[rows]], rows) for rows in _batches(len(pairs))]
    return SimulatedSubject(
        cortex=cortex,
        electrode=electrode,
        clean_hz=clean_hz,
        anchor_hz=_rates_of(model, anchors),
        slot_bank=slot_bank,
        pair_image=pair_image,
        pair_site=pair_site,
        sign=attacks.sign,
        predicted_hz=np.concatenate([predicted for predicted, _ in found], axis=1),
        attacked_hz=np.concatenate([rates for _, rates in found], axis=2),
        control_clean_hz=_rates_of(model, controlled),
        control_hz=_control_rates(study, number, model, controlled),
    )


class _Attacks:
    """Attacks of pairs by the cortex's gradient and a wrong direction, mixed at stated cosines."""

    def __init__(
        self, study: CoverageStudy, number: int, model: nn.Module, electrode: Integers, pair_site: Integers
    ) -> None:
        rng = generator(study.seed, "coverage", number, "attacks")
        n = len(electrode)
        self.model, self.electrode = model, electrode
        self.radii = [radius_at(epsilon, _SIDE_PX) for epsilon in study.epsilons]
        self.sign = rng.choice(np.array([-1, 1]), n)
        spread = _SITE_SD * rng.standard_normal((2, study.n_sites))[:, pair_site] + _PAIR_SD * rng.standard_normal(
            (2, n)
        )
        drawn = np.clip(np.array(study.cosines)[:, None] + spread, -_LARGEST_COSINE, _LARGEST_COSINE)
        self.cosine = np.concatenate([drawn, np.ones((1, n))])

    def of_pairs(self, images: NDArray[np.uint8], rows: Integers) -> tuple[Floats, Floats]:
        """Return predicted changes, (n_epsilons, n), and rates, (3, n_epsilons, n, n_electrodes), of attacks, Hz."""
        clean = _as_tensor(images).requires_grad_()
        own = self.model(clean)[torch.arange(len(images)), torch.from_numpy(self.electrode[rows])]
        (gradient,) = torch.autograd.grad(own.sum(), clean)
        length = gradient.flatten(1).norm(dim=1).double().numpy()
        along = _unit(gradient)
        wrong = along.roll(1, dims=0)
        wrong = _unit(wrong - _dot(wrong, along) * along)
        sign = torch.from_numpy(self.sign[rows]).float().view(-1, 1, 1, 1)
        rates = np.empty((len(self.cosine), len(self.radii), len(images), _n_electrodes(self.model)))
        with torch.no_grad():
            for day, cosine in enumerate(torch.from_numpy(self.cosine[:, rows]).float()):
                mixed = cosine.view(-1, 1, 1, 1)
                direction = sign * (mixed * along + (1 - mixed**2).sqrt() * wrong)
                for place, radius in enumerate(self.radii):
                    rates[day, place] = _rates(self.model, (clean + radius * direction).clamp(0, 1))
        predicted = np.array(self.radii)[:, None] * (self.sign[rows] * length)
        return predicted, rates


def _control_rates(study: CoverageStudy, number: int, model: nn.Module, images: NDArray[np.uint8]) -> Floats:
    """Return rates to Gaussian noise and to a step towards another image, both of the attacks' norm."""
    rng = generator(study.seed, "coverage", number, "controls")
    clean = _as_tensor(images)
    noise = _unit(torch.from_numpy(rng.standard_normal(clean.shape)).float())
    towards = _unit(clean.roll(1, dims=0) - clean)
    changed = [
        torch.cat([(clean + radius_at(epsilon, _SIDE_PX) * direction).clamp(0, 1) for epsilon in study.epsilons])
        for direction in (noise, towards)
    ]
    with torch.no_grad():
        rates = [np.concatenate([_rates(model, part) for part in torch.split(one, _BATCH)]) for one in changed]
    return np.stack(rates).reshape(2, len(study.epsilons), len(images), -1)


def _sites_of_slots(study: CoverageStudy) -> list[tuple[int, ...]]:
    """Return the sites that each place among the anchors is attacked for, as `stages.plan` deals them out."""
    dealt = [set[int]() for _ in range(study.n_anchors)]
    for site in range(study.n_sites):
        for place in range(study.images_per_site):
            dealt[(site * study.images_per_site + place) % study.n_anchors].add(site)
    return [tuple(sorted(sites)) for sites in dealt if sites]


def _banks(sites_of_slot: list[tuple[int, ...]]) -> Integers:
    """Return which images each place draws from: places with the same sites share theirs, so that draws are alike."""
    kinds = sorted(set(sites_of_slot))
    least = min(sites_of_slot.count(kind) for kind in kinds)
    n_each = _BANK * least
    bank = {kind: np.arange(n_each) + place * n_each for place, kind in enumerate(kinds)}
    return np.array([bank[kind] for kind in sites_of_slot])


def _images(study: CoverageStudy, number: int, *, n: int) -> NDArray[np.uint8]:
    pool = ProceduralPool(
        derive_seed(study.seed, "coverage", number, "images"), side_px=_SIDE_PX, n_per_category=-(-n // 30)
    )
    ids = [image.image_id for image in pool.images()]
    order = generator(study.seed, "coverage", number, "order of images").permutation(len(ids))[:n]
    return load_images(pool, tuple(ids[place] for place in order))


def _most_reliable(cortex: HiddenCortex, clean_hz: Floats, *, n: int) -> Integers:
    """Return the electrodes whose images vary most beside their noise, as day 0 chooses its sites, ascending."""
    log_variance = cortex.electrodes.trial_noise**2 + SHARED_TRIAL_NOISE**2
    noise = (clean_hz / WINDOW_S + clean_hz**2 * np.expm1(log_variance)).mean(axis=0)
    return np.sort(np.argsort(-clean_hz.var(axis=0) / noise, kind="stable")[:n]).astype(np.int64)


def _batches(n: int) -> Iterator[Integers]:
    for start in range(0, n, _BATCH):
        yield np.arange(start, min(start + _BATCH, n))


def _as_tensor(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def _rates_of(model: nn.Module, images: NDArray[np.uint8]) -> Floats:
    with torch.no_grad():
        return np.concatenate([_rates(model, batch) for batch in torch.split(_as_tensor(images), _BATCH)])


def _rates(model: nn.Module, images: Tensor) -> Floats:
    rates: Tensor = model(images)
    return np.asarray(rates.double().numpy())


def _n_electrodes(model: nn.Module) -> int:
    with torch.no_grad():
        rates: Tensor = model(torch.zeros(1, 3, _SIDE_PX, _SIDE_PX))
    return rates.shape[1]


def _unit(images: Tensor) -> Tensor:
    scaled: Tensor = images / images.flatten(1).norm(dim=1).clamp_min(_LEAST_LENGTH).view(-1, 1, 1, 1)
    return scaled


def _dot(one: Tensor, other: Tensor) -> Tensor:
    product: Tensor = (one * other).sum(dim=(1, 2, 3), keepdim=True)
    return product
