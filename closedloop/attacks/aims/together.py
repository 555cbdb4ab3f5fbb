"""The objective of many items, whatever each is to attain: one table where all aims are of a kind, else a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.aims.kinds import Aim
from closedloop.attacks.objectives import Objective


def objective_of(aims: Sequence[Aim], device: torch.device) -> Objective:
    """Return what counts for items, a row an item.

    Parameters
    ----------
    aims
        What each is to attain.
    device
        Where the model is.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Along, Drive
    >>> from closedloop.attacks.aims.together import objective_of
    >>> both = objective_of([Drive(1), Along((1.0, 1.0))], torch.device("cpu"))
    >>> both.value(torch.tensor([[3.0, 4.0], [3.0, 4.0]]), torch.tensor([0, 1])).tolist()
    [4.0, 7.0]
    """
    kinds = list(dict.fromkeys(type(aim) for aim in aims))
    groups = [[place for place, aim in enumerate(aims) if type(aim) is kind] for kind in kinds]
    tables = tuple(
        kind.together([aims[place] for place in group], device) for kind, group in zip(kinds, groups, strict=True)
    )
    if len(tables) == 1:
        return tables[0]
    table, row = torch.empty((2, len(aims)), dtype=torch.int64, device=device)
    for number, group in enumerate(groups):
        table[group], row[group] = number, torch.arange(len(group), device=device)
    return Mixed(tables, table, row)


@dataclass(frozen=True)
class Mixed:
    """Items of several kinds: each row is a row of one of the kinds' tables.

    Attributes
    ----------
    tables
        What counts for each kind.
    table, row
        Which of them each item is in, and where, int64, (n_items,).
    """

    tables: tuple[Objective, ...]
    table: Tensor
    row: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return each item's value by its own kind, (n,)."""
        values = torch.zeros(len(rows), dtype=responses.dtype, device=responses.device)
        for number, objective in enumerate(self.tables):
            places = (self.table[rows] == number).nonzero().flatten()
            if len(places):
                of_kind = objective.value(responses[places], self.row[rows[places]])
                values = values.index_put((places,), of_kind)
        return values


@dataclass(frozen=True)
class BothWays:
    """Another objective up or down: row ``n_directions * item + side`` is an item in one direction.

    Attributes
    ----------
    of
        A row an item.
    sign
        +1 or -1, one a direction, (n_directions,).
    """

    of: Objective
    sign: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return the signed value, (n,)."""
        n = len(self.sign)
        return self.of.value(responses, rows // n) * self.sign[rows % n].to(responses.dtype)
