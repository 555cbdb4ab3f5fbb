"""Probes: images pushed to where two members of a model differ most for a site, or to where all expect most there.

A fitted model is right on clean images and wrong off them, and no clean image mends that; two models that are fitted to
the same data differ most where the data say least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.work import Work
from closedloop.models.ensemble import pairs_of_members
from closedloop.models.site_model import images_to_tensor
from closedloop.studies.recipe.recipes import RecipeProbes
from closedloop.studies.simulated_subject import Bytes, Integers

_BATCH = 64


class Contrasts(nn.Module):
    """What probes drive: the difference of every two members at every site, then the members' mean at every site.

    Attributes
    ----------
    members
        Images (n, 3, height, width) to responses (n, n_sites), the same sites in each.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.pairs = pairs_of_members(len(members))

    def forward(self, images: Tensor) -> Tensor:
        """Return the contrasts, (n, (n_pairs + 1) n_sites), sites varying fastest."""
        responses = [member(images) for member in self.members]
        differences = [responses[first] - responses[second] for first, second in self.pairs]
        return torch.cat([*differences, torch.stack(responses).mean(dim=0)], dim=1)

    def output(self, pair: int, site: int, *, n_sites: int) -> int:
        """Return the output of a pair's difference at a site; of `len(pairs)`, the mean's.

        Parameters
        ----------
        pair
            Place in `pairs`.
        site
            Of the members' outputs.
        n_sites
            How many these are.
        """
        return pair * n_sites + site


def make_probes(
    members: Sequence[nn.Module], images: Bytes, sites: Integers, *, probes: RecipeProbes, n_sites: int, seed: int
) -> Bytes:
    """Push each image to where two members, drawn for it, differ most at its site, one way or the other.

    Parameters
    ----------
    members
        Ready for attacks. One alone has nothing to differ from: it is driven itself.
    images
        uint8, (n, side, side, 3).
    sites
        Site of each image by turns, (n,).
    probes
        How far, in how many steps, and how often the mean is driven.
    n_sites
        Outputs of a member.
    seed
        Of the pairs, ways and random starts.

    Returns
    -------
    ndarray
        uint8, (n, side, side, 3), on whole grey levels and within epsilon.
    """
    contrasts = Contrasts(members).eval()
    random = np.random.default_rng(seed)
    n_pairs = len(contrasts.pairs)
    of_mean = random.random(len(images)) < (probes.expected_share if n_pairs else 1.0)
    pair = np.where(of_mean, n_pairs, random.integers(max(n_pairs, 1), size=len(images)))
    way = random.choice([-1, 1], size=len(images))
    if probes.site == "disagreement":
        sites = np.where(of_mean, sites, _most_disputed(contrasts, images, pair, n_sites=n_sites))
    made = np.empty_like(images)
    method = Method(replace(COSINE, steps=probes.steps))
    for direction in (-1, 1):
        rows = np.flatnonzero(way == direction)
        items = [
            AttackItem(
                f"{seed}|{row}",
                int(row),
                contrasts.output(int(pair[row]), int(sites[row]), n_sites=n_sites),
                probes.epsilon,
            )
            for row in rows
        ]
        work = Work(items, images, method, LatticeSettings(steps=0), (direction,), torch.device("cpu"))
        for place, found in attacks(contrasts, work, batch_size=_BATCH):
            made[rows[place]] = found.attacked
    return made


@torch.no_grad()
def _most_disputed(contrasts: Contrasts, images: Bytes, pair: Integers, *, n_sites: int) -> Integers:
    """Return the site at which each image's two members differ most, in standard deviations over the images, (n,)."""
    parts = [
        contrasts(images_to_tensor(images[start : start + _BATCH], device=torch.device("cpu")))
        for start in range(0, len(images), _BATCH)
    ]
    size = torch.cat(parts).abs().numpy().reshape(len(images), -1, n_sites)
    size /= size.mean(axis=0, keepdims=True) + _LEAST
    return np.asarray(size[np.arange(len(images)), pair].argmax(axis=1), dtype=np.int64)


_LEAST = 1e-9
