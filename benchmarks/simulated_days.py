"""Evaluated days of a simulated subject in memory: its cortex, attacks of a stated quality, spikes, real evaluation.

A model of the cortex is stood in for by how well its gradient agrees with the cortex's own: an attack goes along
``q g + sqrt(1 - q^2) u``, g the cortex's gradient of a site at an image, u noise, both of length 1. The agreement q is
what a loop's models reach day by day (.27 to .37 on days 1 to 5), and the change follows from the cortex itself. So a
day costs a second, and hundreds of studies can be drawn from one bank of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.simulated_loop import category_balanced, screened
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import as_columns
from closedloop.planning.design import design_day
from closedloop.planning.observed import ObservedDay, observe
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, presented_rates_hz
from closedloop.stages.evaluate.pairs import ImagePairs, Measured, measure, pairs_of
from closedloop.stimuli.pools import ProceduralPool

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SIDE_PX, _PAPER_SIDE_PX = 32, 224
_WINDOW_S, _SLOT_S, _PER_TRIAL = 0.1, 0.29, 6
_MOST_START_S = 1e7
_POOL_SEED = 42
_SCREENED_FROM, _CLEAN_FROM = 20, 40  # of each category


@dataclass(frozen=True)
class Bank:
    """What a subject's electrodes answer, on one day's tuning, to clean images and to attacks of each quality.

    Attributes
    ----------
    clean_hz
        (n_images, n_electrodes).
    attacked_hz
        By quality and epsilon: (n_images, n_sites, n_electrodes), an attack of each site at each image.
    sign
        Way of each attack, the same at all qualities, (n_images, n_sites).
    sites
        Electrodes of the sites, (n_sites,).
    """

    cortex: HiddenCortex
    day: int
    clean_hz: Floats
    attacked_hz: dict[tuple[float, float], Floats]
    sign: Integers
    sites: Integers

    def true_change(self, quality: float, epsilon: float) -> Floats:
        """Return each attack's signed change of its own site, Hz, (n_images, n_sites)."""
        attacked = np.take_along_axis(self.attacked_hz[quality, epsilon], self.sites[None, :, None], axis=2)[..., 0]
        return np.asarray(self.sign * (attacked - self.clean_hz[:, self.sites]))


def make_bank(seed: int, *, n_images: int, qualities: Sequence[float], epsilons: Sequence[float], day: int = 1) -> Bank:
    """Make a subject and what it answers.

    Parameters
    ----------
    seed
        Of the subject.
    n_images
        Clean images, each attacked for each site.
    qualities, epsilons
        Of the attacks.
    day
        Whose tuning.
    """
    pool, random = ProceduralPool(_POOL_SEED), np.random.default_rng([seed, *b"attacks"])
    subject = screened(HiddenCortex(seed), category_balanced(pool, 300, first=_SCREENED_FROM))
    images = category_balanced(pool, n_images, first=_CLEAN_FROM)
    model = subject.cortex.response_model(day)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255
    own = _gradients(model, pixels, subject.sites)
    sign = random.choice([-1, 1], size=own.shape[:2])
    attacked = {}
    for quality in qualities:
        noise = torch.from_numpy(random.standard_normal(own.shape, dtype=np.float32))
        noise /= noise.flatten(2).norm(dim=2)[:, :, None, None, None]
        way = torch.from_numpy(sign)[:, :, None, None, None] * (quality * own + (1 - quality**2) ** 0.5 * noise)
        for epsilon in epsilons:
            step = epsilon * _SIDE_PX / _PAPER_SIDE_PX
            attacked[quality, epsilon] = _rates_hz(model, (pixels[:, None] + step * way).clamp(0, 1))
    clean_hz = _rates_hz(model, pixels[:, None])[:, 0]
    return Bank(subject.cortex, day, clean_hz, attacked, sign.astype(np.int64), subject.sites)


def _gradients(model: torch.nn.Module, pixels: torch.Tensor, sites: Integers) -> torch.Tensor:
    """Return the direction of each site's gradient at each image, (n_images, n_sites, 3, side, side), of length 1."""
    found = pixels.clone().requires_grad_()
    rates = model(found)[:, sites]
    gradients = [
        torch.autograd.grad(rates[:, site].sum(), found, retain_graph=True)[0] for site in range(rates.shape[1])
    ]
    stacked = torch.stack(gradients, dim=1)
    return stacked / stacked.flatten(2).norm(dim=2).clamp_min(1e-12)[:, :, None, None, None]


@torch.no_grad()
def _rates_hz(model: torch.nn.Module, images: torch.Tensor) -> Floats:
    """Return the rates of images (n_images, n_each, 3, side, side), (n_images, n_each, n_electrodes)."""
    flat = images.flatten(0, 1)
    rates = torch.cat([model(flat[at : at + 256]) for at in range(0, len(flat), 256)])
    return np.asarray(rates.reshape(*images.shape[:2], -1).double().numpy())


@dataclass(frozen=True)
class SimulatedDay:
    """A day that was shown and evaluated."""

    number: int
    responses: DayResponses
    measured: Measured
    pairs: ImagePairs

    @staticmethod
    def evaluated(number: int, responses: DayResponses) -> SimulatedDay:
        """Evaluate a day's responses as the stage does."""
        measured = measure(responses)
        return SimulatedDay(number, responses, measured, pairs_of(responses, measured, true_rates_hz=None))

    def observed(self) -> ObservedDay:
        """Return it as a planner reads a study's day."""
        unknown = np.full(len(self.responses.sites), np.nan)
        return observe(self.responses, day=self.number, reliability=unknown, used=1.0, measured=self.measured)


def simulate_day(
    bank: Bank, protocol: Protocol, *, number: int, quality: float, anchors: Integers, random: np.random.Generator
) -> SimulatedDay:
    """Show a day of a protocol to a subject, count its spikes, and evaluate them as the stage does.

    Parameters
    ----------
    bank
        The subject.
    protocol
        What a day shows; its images are drawn from the bank.
    number
        Of the day.
    quality
        Of the attacks; 0 on a day 0.
    anchors
        Images of the bank that are the study's anchors.
    random
        Decides the other images, the order and the noise.
    """
    stimuli, shown_hz = _stimuli(bank, protocol, number=number, quality=quality, anchors=anchors, random=random)
    pixels = np.zeros((len(shown_hz), 1, 1, 3), dtype=np.uint8)
    shown = Shown(StimulusSet(stimuli, pixels), shown_hz, number, tuning_day=bank.day)
    return show(shown, bank.cortex, bank.sites, random=random)


@dataclass(frozen=True)
class Shown:
    """What is shown on a day, and the rate of every electrode to each stimulus, (n_stimuli, n_electrodes)."""

    stimuli: StimulusSet
    rates_hz: Floats
    number: int
    tuning_day: int


def show(shown: Shown, cortex: HiddenCortex, electrodes: Integers, *, random: np.random.Generator) -> SimulatedDay:
    """Show stimuli in random order, count spikes, and evaluate them as the stage does.

    Parameters
    ----------
    shown
        What.
    cortex
        To whom.
    electrodes
        Of the sites, (n_sites,).
    random
        Decides the order and the noise.
    """
    order = random.permutation(np.repeat(np.arange(len(shown.rates_hz)), shown.stimuli.columns["repetitions"]))
    n = len(order)
    place = np.arange(n)
    sequence = PresentationSequence(
        np.empty((0, 1, 1, 3), dtype=np.uint8),
        order,
        place
        + int(random.integers(2**40)),  # noise is drawn from the ordinal, the slow gain from the time: no two alike
        place * _SLOT_S + random.uniform(0, _MOST_START_S),
        place % _PER_TRIAL != 0,
    )
    rates_hz = presented_rates_hz(cortex, shown.rates_hz, sequence, day=shown.tuning_day)
    counts = random.poisson(rates_hz[:, electrodes] * _WINDOW_S)
    sites = tuple(
        Site(
            neuroid_id=f"site-{index:02d}",
            electrode_id=int(electrode) + 1,
            reliability=None,
            mean_rate_hz=None,
            sigma_hz=None,
            site_index=index,
        )
        for index, electrode in enumerate(electrodes)
    )
    day = DayResponses(shown.stimuli, sites, {"image_index": order}, counts / _WINDOW_S)
    return SimulatedDay.evaluated(shown.number, day)


def _stimuli(
    bank: Bank, protocol: Protocol, *, number: int, quality: float, anchors: Integers, random: np.random.Generator
) -> tuple[dict[str, NDArray[np.generic]], Floats]:
    """Return a day's stimulus table and the rates that belong to it, (n_stimuli, n_electrodes)."""
    design = design_day(protocol, sites=range(len(bank.sites)), day=number)
    others = np.setdiff1d(np.arange(len(bank.clean_hz)), anchors)
    drawn = random.choice(others, size=sum(row["role"] != "anchor" for row in design.rows.images), replace=True)
    fresh, known = iter(drawn.tolist()), iter(anchors.tolist())
    place, of_bank, rows, rates = {}, {}, [], []
    for row in design.rows.images:
        image = next(known) if row["role"] == "anchor" else next(fresh)
        place[row["image_id"]], of_bank[row["image_id"]] = len(rows), image
        name = f"anchor {image}" if row["role"] == "anchor" else str(row["image_id"])
        rows.append({"kind": "clean", "role": row["role"], "image_id": name, "clean_index": len(rows), **CLEAN})
        rows[-1]["repetitions"] = row["repetitions"]
        rates.append(bank.clean_hz[image])
    for row in design.rows.attacks:
        image, site, epsilon = of_bank[row["image_id"]], int(row["site_index"]), float(row["epsilon"])
        sign = int(bank.sign[image, site])
        clean = rows[place[row["image_id"]]]
        rows.append(clean | {"kind": "attacked", "role": row["role"], "site_index": site, "epsilon": epsilon})
        rows[-1] |= {"predicted_sign": sign, "repetitions": row["repetitions"]}
        rates.append(bank.attacked_hz[quality, epsilon][image, site])
    numbered = [row | {"image_index": place, "stimulus_id": f"{number}-{place}"} for place, row in enumerate(rows)]
    return {name: np.asarray(column) for name, column in as_columns(numbered, STIMULI).items()}, np.array(rates)


CLEAN = {
    "category": "",
    "item_id": "",
    "site_index": -1,
    "epsilon": 0.0,
    "realised_epsilon": 0.0,
    "predicted_clean": np.nan,
    "predicted_attacked": np.nan,
    "predicted_sign": 0,
}
