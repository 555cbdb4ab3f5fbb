"""What counts where a site is set against the other sites, or one model against another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.objectives import response_of


@dataclass(frozen=True)
class OneHot:
    """``r_i - log sum_k exp r_k``: one site high and the others low (the one-hot population of Bashivan 2019).

    It is the logarithm of the site's share among all that count, 0 at best.

    Attributes
    ----------
    output_index
        The site to be alone, int64, (n_items,).
    among
        Outputs that count, the site itself among them, int64, (n_items, most that count); -1 fills shorter rows up.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks.aims.contrasts import OneHot
    >>> alone = OneHot(torch.tensor([0]), torch.tensor([[0, 1, -1]]))
    >>> round(alone.value(torch.tensor([[1.0, 1.0, 9.0]]), torch.tensor([0])).item(), 4)
    -0.6931
    """

    output_index: Tensor
    among: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return the logarithm of the site's share, (n,)."""
        among = self.among[rows]
        counted = responses.gather(1, among.clamp_min(0)).masked_fill(among < 0, -torch.inf)
        return response_of(responses, self.output_index[rows]) - counted.logsumexp(dim=1)


@dataclass(frozen=True)
class Apart:
    """``r_a - w r_b - h (r_b - held)^2``: one output up while another goes down (w = 1) or is held (h > 0).

    Attributes
    ----------
    raised, other
        The two outputs of each item, int64, (n_items,): those of two models, or of two sites.
    weight
        Of the other's response, (n_items,); 0 where it is held.
    stiffness
        Of the square, (n_items,); 0 where it is driven down.
    held
        Where the other is held, (n_items,).

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks.aims.contrasts import Apart
    >>> one, none = torch.ones(1), torch.zeros(1)
    >>> down = Apart(torch.tensor([0]), torch.tensor([1]), weight=one, stiffness=none, held=none)
    >>> down.value(torch.tensor([[3.0, 1.0]]), torch.tensor([0])).tolist()
    [2.0]
    """

    raised: Tensor
    other: Tensor
    weight: Tensor
    stiffness: Tensor
    held: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return how far apart they are, (n,)."""
        dtype = responses.dtype
        other = response_of(responses, self.other[rows])
        away = other - self.held[rows].to(dtype)
        apart = response_of(responses, self.raised[rows]) - self.weight[rows].to(dtype) * other
        return apart - self.stiffness[rows].to(dtype) * away * away
