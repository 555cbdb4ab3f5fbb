"""Several site models as one: their mean response, and how much they disagree.

Models of different architectures that predict clean images alike part off them. Their mean is nearer to the cortex than
any of them, and images on which they part are those that tell most about it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from closedloop.models.site_model import SiteModel, SiteModelSpec
from closedloop.models.way_back.member_gradients import images_of_member


class SiteEnsemble(nn.Module):
    """Site models of the same sites and images; it answers with the mean of theirs.

    Parameters
    ----------
    members
        At least one, of one number of sites and one side.

    Raises
    ------
    ValueError
        There is none, or they differ in sites or side.

    Examples
    --------
    >>> import torch
    >>> from closedloop.models import SiteEnsemble, build_site_model, open_base_model
    >>> bases = [open_base_model(f"small_resnet_{kind}", layer="layer3.0") for kind in ("robust", "vanilla")]
    >>> members = [build_site_model(base, n_sites=5, side_px=32, seed=seed) for seed, base in enumerate(bases)]
    >>> ensemble, images = SiteEnsemble(members), torch.rand(2, 3, 32, 32)
    >>> bool(torch.allclose(ensemble(images), (members[0](images) + members[1](images)) / 2))
    True
    """

    def __init__(self, members: Iterable[SiteModel]) -> None:
        super().__init__()
        self._members = nn.ModuleList(members)
        shapes = {(member.spec.n_sites, member.spec.side_px) for member in self.members}
        if len(shapes) != 1:
            raise ValueError(f"an ensemble needs members of the same sites and images, found {sorted(shapes)}")

    @property
    def members(self) -> tuple[SiteModel, ...]:
        """The site models, in the protocol's order."""
        return tuple(member for member in self._members if isinstance(member, SiteModel))

    @property
    def spec(self) -> SiteModelSpec:
        """What the first member is; sites and side are those of all."""
        return self.members[0].spec

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to the members' mean z-scored responses, (n, n_sites)."""
        return self.responses_of_members(images).mean(dim=0)

    def responses_of_members(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to each member's responses, (n_members, n, n_sites)."""
        return torch.stack([member(images_of_member(images)) for member in self._members])


DayModel = SiteModel | SiteEnsemble
"""What a day is shown with: one site model, or several as one."""


class Disagreement(nn.Module):
    """Where the members of an ensemble part: the difference of two of them at a site, as an output of its own.

    Driving output ``pair * n_sites + site`` up or down finds an image at which the two members differ more.

    Parameters
    ----------
    ensemble
        Of at least two members; used, not copied.

    Raises
    ------
    ValueError
        It has but one.

    Examples
    --------
    >>> import torch
    >>> from closedloop.models import Disagreement, SiteEnsemble, build_site_model, open_base_model
    >>> bases = [open_base_model(f"small_resnet_{kind}", layer="layer3.0") for kind in ("robust", "vanilla")]
    >>> members = [build_site_model(base, n_sites=5, side_px=32, seed=seed) for seed, base in enumerate(bases)]
    >>> Disagreement(SiteEnsemble(members))(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(self, ensemble: SiteEnsemble) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.pairs = pairs_of_members(len(ensemble.members))
        if not self.pairs:
            raise ValueError("members disagree where there are at least two, found one")

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to differences, (n, n_pairs * n_sites): first minus second."""
        responses = self.ensemble.responses_of_members(images)
        return torch.cat([responses[first] - responses[second] for first, second in self.pairs], dim=1)


def pairs_of_members(n_members: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of members, in the order of the outputs of `Disagreement`."""
    return tuple(itertools.combinations(range(n_members), 2))
