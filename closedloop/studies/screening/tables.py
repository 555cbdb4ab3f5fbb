"""Tables of a screening: every cell of the heat maps with its interval, and the networks in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import explained_fraction, noise_ceiling, spearman_brown
from closedloop.analysis.representation.halves import Uncertain, alike_the_best
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.studies.screening.documents import SCREENING_CELLS, SCREENING_NETWORKS, SCREENING_SITES
from closedloop.studies.screening.responses import Floats
from closedloop.studies.screening.settings import CRITERIA, PLS, RIDGE, TRANSFER
from closedloop.studies.screening.shards import LayerLikeness
from closedloop.studies.screening.systems import Cell


@dataclass(frozen=True)
class Criterion:
    """One criterion of all cells.

    Attributes
    ----------
    name, epsilon
        Which; the epsilon of the perturbations, 0 of the others.
    values
        (n_cells,); of a transfer mean squares, SDs squared.
    halves
        From each half of each halving of the images, (n_cells, n_halvings, 2).
    n_images
        That count, (n_cells,).
    correlations
        Held-out correlations not over the ceiling, (n_cells,); NaN where there is none.
    """

    name: str
    epsilon: float
    values: Floats
    halves: Floats
    n_images: NDArray[np.int64]
    correlations: Floats

    def uncertain(self, cell: int) -> Uncertain:
        """Return a cell's value with its errors."""
        return Uncertain(float(self.values[cell]), np.asarray(self.halves[cell, :, 0] - self.halves[cell, :, 1]) / 2)

    def shown(self, value: float) -> float:
        """Return a value as it is shown: a transfer's root, of a mean square below zero minus the root of its size."""
        return float(np.sign(value) * np.sqrt(abs(value))) if self.name == TRANSFER else value


def likeness_criteria(found: Sequence[LayerLikeness], *, n_images: int) -> list[Criterion]:
    """Return the criteria that clean images decide.

    Parameters
    ----------
    found
        Of each cell.
    n_images
        Clean images.
    """
    values, halves = np.array([one.values for one in found]), np.array([one.halves for one in found])
    plain = np.array([one.correlations for one in found])
    none = np.full(len(found), np.nan)
    correlations = {RIDGE: plain[:, 0], PLS: plain[:, 1]}
    return [
        Criterion(
            name, 0.0, values[:, place], halves[..., place], np.full(len(found), n_images), correlations.get(name, none)
        )
        for place, name in enumerate(CRITERIA)
    ]


def transfer_criteria(squares: Floats, halvings: NDArray[np.bool_], *, epsilons: Sequence[float]) -> list[Criterion]:
    """Return the transfer at each epsilon.

    Parameters
    ----------
    squares
        Change of each image at each site without its noise, SDs squared, (n_cells, n_epsilons, n_images, n_sites).
    halvings
        Which images are in the first half, (n_halvings, n_images).
    epsilons
        At 224 px.
    """
    found = []
    for place, epsilon in enumerate(epsilons):
        own = squares[:, place]
        halves = np.array([[_mean(own[:, half]) for half in (first, ~first)] for first in halvings])
        none = np.full(len(own), np.nan)
        n_images = np.isfinite(own).any(axis=2).sum(axis=1)
        found.append(Criterion(TRANSFER, epsilon, _mean(own), halves.transpose(2, 0, 1), n_images, none))
    return found


def cell_table(criteria: Sequence[Criterion], cells: Sequence[Cell], n_features: Sequence[int]) -> Columns:
    """Return the table `SCREENING_CELLS`.

    Parameters
    ----------
    criteria
        In the order of the table.
    cells
        In the order of each criterion.
    n_features
        Of each cell.
    """
    rows = [row for one in criteria for row in _cell_rows(one, cells, n_features)]
    return {
        name: np.array([row[name] for row in rows], dtype=_dtype(rows[0][name])) for name in SCREENING_CELLS.columns
    }


def network_table(criteria: Sequence[Criterion], cells: Sequence[Cell]) -> Columns:
    """Return the table `SCREENING_NETWORKS`: the networks of each criterion in their order, by their best layer.

    A layer that is chosen because it came out best came out a little too well. So in each halving the layer is chosen
    by one half of the images and valued by the other.

    Parameters
    ----------
    criteria
        In the order of the table.
    cells
        In the order of each criterion.
    """
    rows = [row for one in criteria for row in _network_rows(one, cells)]
    return {
        name: np.array([row[name] for row in rows], dtype=_dtype(rows[0][name])) for name in SCREENING_NETWORKS.columns
    }


def site_table(
    found: Sequence[LayerLikeness], cells: Sequence[Cell], halves: tuple[Floats, Floats], sites: Sequence[str]
) -> Columns:
    """Return the table `SCREENING_SITES`: each site by the layer that predicts best of all, by ridge.

    Parameters
    ----------
    found
        Of each cell.
    cells
        In this order.
    halves
        Mean responses of the two halves of the repetitions, (n_images, n_sites) each.
    sites
        Names.
    """
    best = int(np.argmax([one.values[CRITERIA.index(RIDGE)] for one in found]))
    own, cell = found[best], cells[best]
    reliability = spearman_brown(correlation(*halves))
    ceiling = np.nan_to_num(noise_ceiling(reliability), nan=0.0)
    explained = explained_fraction(own.sites, reliability)
    rows = []
    for place, site in enumerate(sites):
        errors = np.asarray(own.site_halves[:, 0, place] - own.site_halves[:, 1, place]) / 2
        low, high = Uncertain(float(own.sites[place]), errors).interval
        rows.append(
            {
                "site": site,
                "network": cell.network,
                "layer": cell.layer,
                "correlation": own.sites[place],
                "low": low,
                "high": high,
                "ceiling": ceiling[place],
                "explained": explained[place],
            }
        )
    return as_arrays(rows, SCREENING_SITES)


def _cell_rows(one: Criterion, cells: Sequence[Cell], n_features: Sequence[int]) -> list[dict[str, Any]]:
    numbers = [one.uncertain(place) for place in range(len(cells))]
    alike = alike_the_best(numbers)
    told = np.array([number.has_interval for number in numbers])
    best = int(np.nanargmax(np.where(told | ~told.any(), one.values, np.nan)))
    return [
        {
            "criterion": one.name,
            "epsilon": one.epsilon,
            "network": cell.network,
            "training_epsilon": np.nan if cell.training_epsilon is None else cell.training_epsilon,
            "layer": cell.layer,
            "value": one.shown(number.value),
            "low": one.shown(number.interval[0]),
            "high": one.shown(number.interval[1]),
            "correlation": float(one.correlations[place]),
            "best": place == best,
            "alike_best": bool(alike[place]),
            "n_images": int(one.n_images[place]),
            "n_features": int(n_features[place]),
        }
        for place, (cell, number) in enumerate(zip(cells, numbers, strict=True))
    ]


def _network_rows(one: Criterion, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(cell.network for cell in cells))
    own = {name: np.array([place for place, cell in enumerate(cells) if cell.network == name]) for name in names}
    numbers = {name: _best_layer(one, own[name]) for name in names}
    ordered = sorted(names, key=lambda name: -numbers[name].value)
    rows = []
    for rank, name in enumerate(ordered, start=1):
        below = ordered[rank] if rank < len(ordered) else ""
        difference = numbers[name] - numbers[below] if below else Uncertain(np.nan, np.full(2, np.nan))
        low, high = numbers[name].interval
        rows.append(
            {
                "criterion": one.name,
                "epsilon": one.epsilon,
                "rank": rank,
                "network": name,
                "layer": cells[own[name][one.values[own[name]].argmax()]].layer,
                "value": one.shown(numbers[name].value),
                "low": one.shown(low),
                "high": one.shown(high),
                "below": below,
                "difference": difference.value,
                "difference_low": difference.interval[0],
                "difference_high": difference.interval[1],
            }
        )
    return rows


def _best_layer(one: Criterion, own: NDArray[np.int64]) -> Uncertain:
    """Return the value of a network's best layer; in each halving, of the layer that the other half chooses."""
    halves = one.halves[own]
    chosen = halves.argmax(axis=0)[:, ::-1]
    valued = np.take_along_axis(halves, chosen[None], axis=0)[0]
    return Uncertain(float(one.values[own].max()), np.asarray(valued[:, 0] - valued[:, 1]) / 2)


def _mean(squares: Floats) -> Floats:
    """Mean over the images and sites that count, (n_cells,); NaN where there is none."""
    n = np.isfinite(squares).sum(axis=(1, 2))
    return np.asarray(np.divide(np.nansum(squares, axis=(1, 2)), n, out=np.full(len(n), np.nan), where=n > 0))


def _dtype(value: Any) -> type | None:
    return object if isinstance(value, str) else None
