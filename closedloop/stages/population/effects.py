"""What a day's population attacks did to decoding: by the sealed decoder, at equally many repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.decoding.held_out import matched_means
from closedloop.analysis.decoding.linear import LinearDecoder
from closedloop.analysis.decoding.redundancy import margin_axes, square_along
from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.day.population.sealed import SealedDecoder
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import population_rows, scaling_rows
from closedloop.artifacts.tables import Columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SealedPopulationOfDay:
    """What was sealed before the day's population attacks were shown.

    Attributes
    ----------
    document, weights, offsets
        The decoder (`SealedDecoder`, `DECODER`).
    predictions
        The table of what it reads from the model's responses.
    """

    document: SealedDecoder
    weights: Floats
    offsets: Floats
    predictions: Columns

    def decoder(self, n_sites: int) -> LinearDecoder:
        """Return the decoder of the day's sites, which are the first of the model's outputs."""
        return LinearDecoder(self.weights[:, :n_sites], self.offsets, self.document.shrinkage)

    def numbers_of(self, categories: NDArray[Any]) -> NDArray[np.int64]:
        """Return the numbers of categories; -1 of one that the decoder does not know."""
        place = {name: number for number, name in enumerate(self.document.categories)}
        return np.array([place.get(str(name), -1) for name in categories], dtype=np.int64)


def population_effects(
    day: DayResponses, sealed: SealedPopulationOfDay, *, true_rates_hz: Floats | None
) -> dict[str, Any]:
    """Return the rows of `POPULATION_EFFECTS`.

    Parameters
    ----------
    day
        What the sites answered.
    sealed
        The decoder and what was predicted by it.
    true_rates_hz
        Of the hidden cortex, (n_images, n_sites); None in a real experiment.
    """
    rows = population_rows(day.stimuli)
    columns = day.stimuli.columns
    clean, category = columns["clean_index"][rows].astype(np.int64), sealed.numbers_of(columns["category"][rows])
    scale = _DayScale(day)
    z = scale.of(repetitions_of(day.rates_hz, day.image_index, n_images=day.n_images))
    rival = sealed.numbers_of(_in_order(sealed.predictions, "rival", columns["image_index"][rows]))
    measured = _measured(sealed.decoder(len(day.sites)), z[clean], z[rows], list(zip(category, rival, strict=True)))
    return {
        **{name: columns[name][rows] for name in ("image_index", "kind", "image_id", "category", "epsilon")},
        "realised_epsilon": columns["realised_epsilon"][rows],
        **measured,
        "predicted_loss": _predicted_loss(sealed.predictions, columns["image_index"][rows]),
        **_true(sealed.decoder(len(day.sites)), scale, true_rates_hz, (clean, rows), category),
    }


class _DayScale:
    """Responses in SD over the session's normalizers, as the site model predicts them."""

    def __init__(self, day: DayResponses) -> None:
        rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
        self.reference = rates[scaling_rows(day.stimuli)]

    def of(self, rates: Floats) -> Floats:
        """Return z of rates, (n_images, n_sites) or (n_images, n_sites, n_repetitions)."""
        if rates.ndim == 2:
            return z_score(rates, self.reference)
        turned = rates.transpose(0, 2, 1)
        flat = z_score(turned.reshape(-1, rates.shape[1]), self.reference)
        return flat.reshape(turned.shape).transpose(0, 2, 1)


def _measured(decoder: LinearDecoder, clean: Floats, changed: Floats, own: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Decode both images of each pair, (n_pairs, n_sites, n_repetitions)."""
    used = np.asarray(decoder.weights.any(axis=0))
    rows = [_one(decoder, *pair, used=used) for pair in zip(clean, changed, own, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in _MEASURED}


_MEASURED = (
    *("n_repetitions", "decoded_clean", "decoded_changed", "margin_clean", "margin_changed"),
    *("square_moved", "square_along"),
)
_LEAST = 2  # repetitions of either image, to tell noise from movement


def _one(
    decoder: LinearDecoder, clean: Floats, changed: Floats, own: tuple[int, int], *, used: NDArray[np.bool_]
) -> dict[str, float]:
    """Decode a pair of a category and rival, without repetitions in which a site that is read has no response."""
    x, y = (rates[:, np.isfinite(rates[used]).all(axis=0)].T for rates in (clean, changed))
    n, (category, rival) = len(y), own
    row = dict.fromkeys(_MEASURED, float("nan")) | {"n_repetitions": n}
    if category < 0 or not n or not len(x):
        return row
    true = np.array([category])
    matched = matched_means(x, np.zeros(len(x), dtype=np.int64), n=n)[0]
    row["decoded_clean"] = float((decoder.decode(matched) == category).mean()) if len(matched) else float("nan")
    row["decoded_changed"] = float(decoder.decode(y.mean(axis=0)[None])[0] == category)
    row["margin_clean"], row["margin_changed"] = (
        float(decoder.margin(rates.mean(axis=0)[None], true)[0]) for rates in (x, y)
    )
    if min(len(x), n) >= _LEAST:
        before, after = (rates[:, used].T[None] for rates in (x, y))
        read = LinearDecoder(decoder.weights[:, used], decoder.offsets, decoder.shrinkage)
        axes = margin_axes(read, true, np.array([rival]))
        row["square_moved"] = float(square_along(before, after, np.eye(int(used.sum())))[0])
        row["square_along"] = float(square_along(before, after, axes)[0])
    return row


def _predicted_loss(sealed: Columns, image_index: NDArray[Any]) -> Floats:
    clean, changed = (_in_order(sealed, f"margin_{name}", image_index) for name in ("clean", "changed"))
    return np.asarray(clean - changed, dtype=np.float64)


def _in_order(sealed: Columns, name: str, image_index: NDArray[Any]) -> NDArray[Any]:
    """Return a sealed column in the order of the images asked about."""
    place = {index: row for row, index in enumerate(sealed["image_index"].tolist())}
    return np.asarray(sealed[name])[[place[int(index)] for index in image_index]]


def _true(
    decoder: LinearDecoder,
    scale: _DayScale,
    rates_hz: Floats | None,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    category: NDArray[np.int64],
) -> dict[str, Floats]:
    """Decode what the hidden cortex answers to either image; NaN in a real experiment."""
    found = dict[str, Floats]()
    for name, rows in zip(("clean", "changed"), places, strict=True):
        decoded = margin = np.full(len(rows), np.nan)
        if rates_hz is not None:
            z, known = scale.of(rates_hz[rows]), category >= 0
            decoded = np.where(known, decoder.decode(z) == category, np.nan)
            margin = np.where(known, decoder.margin(z, np.maximum(category, 0)), np.nan)
        found |= {f"true_decoded_{name}": decoded, f"true_margin_{name}": margin}
    return found
