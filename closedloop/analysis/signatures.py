"""Signatures of electrodes: mean responses to the images shown on two days, on one scale, with their noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.reliability import mean_response

_LEAST_FOR_COMMON = 8  # electrodes: of fewer, each is a large part of what they have in common
_LEAST_IMAGES = 2


@dataclass(frozen=True)
class DayAnswers:
    """What a day's electrodes answered to images by name.

    Attributes
    ----------
    neuroid_id
        Of the electrodes, (n_electrodes,).
    stimulus_id
        Which image each presentation showed, (n_presentations,); the same bytes have the same name on every day.
    rates_hz
        (n_presentations, n_electrodes); NaN where unusable.

    Examples
    --------
    Two electrodes, an image shown twice:

    >>> import numpy as np
    >>> from closedloop.analysis import DayAnswers
    >>> rates_hz = np.array([[30.0, 10.0], [50.0, 0.0]])
    >>> DayAnswers(np.array(["a", "b"]), np.array(["cat", "cat"]), rates_hz).rates_hz.mean(axis=0).tolist()
    [40.0, 5.0]
    """

    neuroid_id: NDArray[Any]
    stimulus_id: NDArray[Any]
    rates_hz: Floats

    def __post_init__(self) -> None:
        wanted = len(self.stimulus_id), len(self.neuroid_id)
        if self.rates_hz.shape != wanted:
            raise ValueError(f"expected rates of presentations and electrodes, {wanted}, found {self.rates_hz.shape}")


@dataclass(frozen=True)
class Signatures:
    """How the electrodes of a day answered, image by image.

    Attributes
    ----------
    neuroid_id
        Of the electrodes, (n_electrodes,).
    response
        Mean over repetitions, in SDs over these images, around zero, less the mean over electrodes,
        (n_images, n_electrodes); NaN where an image has none.
    noise_variance
        Of each of these means, as the repetitions tell it, (n_images, n_electrodes).
    rate_hz
        Mean over the images, (n_electrodes,); NaN where it was not recorded.
    """

    neuroid_id: NDArray[Any]
    response: Floats
    noise_variance: Floats
    rate_hz: Floats

    @property
    def n_images(self) -> int:
        """How many images."""
        return len(self.response)

    @property
    def signal_variance(self) -> Floats:
        """Variance over images without that of the noise, (n_electrodes,); below zero by chance where there is none."""
        return np.asarray(_mean_over_images(self.response**2 - self.noise_variance))

    @property
    def reliability(self) -> Floats:
        """Part of the variance over images that is no noise, (n_electrodes,); NaN where nothing varies."""
        total = _mean_over_images(self.response**2)
        return np.divide(self.signal_variance, total, out=np.full_like(total, np.nan), where=total > 0)


def signatures_on_both(
    then: DayAnswers, now: DayAnswers, *, least_reliability: float
) -> tuple[Signatures, Signatures] | None:
    """Return the signatures of an earlier day's electrodes on that day and on a later one, over the same images.

    Left out are images that few electrodes answered on either day.

    Parameters
    ----------
    then, now
        The two days.
    least_reliability
        Of electrodes, on both days, from which is taken what all have in common.

    Returns
    -------
    tuple of Signatures or None
        Both in the earlier day's order of electrodes; an electrode that the later day lacks is NaN there. None where no
        two images were shown on both days.
    """
    images = np.intersect1d(then.stimulus_id, now.stimulus_id)
    days = [_shown(day, images, then.neuroid_id) for day in (then, now)]
    answered = np.logical_and.reduce([_is_answered(index, rates, len(images)) for index, rates in days])
    if answered.sum() < _LEAST_IMAGES:
        return None
    places = np.cumsum(answered) - 1
    days = [(places[index[answered[index]]], rates[answered[index]]) for index, rates in days]
    n = int(answered.sum())
    alone = [_signatures(index, _standard(index, rates, n), n) for index, rates in days]
    with np.errstate(invalid="ignore"):
        told = np.logical_and.reduce([one.reliability >= least_reliability for one in alone])
    common = told if told.sum() >= _LEAST_FOR_COMMON else np.zeros_like(told)
    before, after = (
        replace(
            _signatures(index, _without_common(_standard(index, rates, n), common), n),
            neuroid_id=then.neuroid_id,
            rate_hz=_mean_over_images(mean_response(rates, index, n_images=n)),
        )
        for index, rates in days
    )
    return before, after


def _shown(day: DayAnswers, images: NDArray[Any], names: NDArray[Any]) -> tuple[NDArray[np.int64], Floats]:
    """Pick the presentations of some images and the columns of some electrodes, NaN where the day lacks one."""
    rows = np.flatnonzero(np.isin(day.stimulus_id, images))
    columns = {name: column for column, name in enumerate(day.neuroid_id.tolist())}
    picked = np.full((len(rows), len(names)), np.nan)
    for place, name in enumerate(names.tolist()):
        if name in columns:
            picked[:, place] = day.rates_hz[rows, columns[name]]
    return np.searchsorted(images, day.stimulus_id[rows]), picked


def _is_answered(index: NDArray[np.int64], rates: Floats, n_images: int) -> NDArray[np.bool_]:
    """Return of which images most electrodes that were recorded at all have a response, (n_images,)."""
    known = np.isfinite(mean_response(rates, index, n_images=n_images))
    return np.asarray(2 * known.sum(axis=1) > known.any(axis=0).sum())


def _standard(index: NDArray[np.int64], rates: Floats, n_images: int) -> Floats:
    """Put each electrode's single responses on the scale of its mean responses to the images."""
    mean = mean_response(rates, index, n_images=n_images)
    centre = _mean_over_images(mean)
    spread = np.sqrt(_mean_over_images((mean - centre) ** 2))
    return np.asarray((rates - centre) / np.where(spread > 0, spread, np.nan))


def _without_common(responses: Floats, common: NDArray[np.bool_]) -> Floats:
    """Subtract from every presentation the mean over some electrodes, where it is known."""
    return np.asarray(responses - np.nan_to_num(_mean_over_images(responses[:, common].T))[:, None])


def _signatures(index: NDArray[np.int64], responses: Floats, n_images: int) -> Signatures:
    """Average repetitions; the noise of a mean is the pooled variance within images over its repetitions."""
    known = np.isfinite(responses)
    mean = mean_response(responses, index, n_images=n_images)
    n = np.zeros(mean.shape)
    np.add.at(n, index, known)
    squares = np.where(known, responses - mean[index], 0.0) ** 2
    degrees = known.sum(axis=0) - (n > 0).sum(axis=0)
    pooled = np.divide(squares.sum(axis=0), degrees, out=np.full(degrees.shape, np.nan), where=degrees > 0)
    noise = np.divide(pooled, n, out=np.full(n.shape, np.nan), where=n > 0)
    n_known = (n > 0).sum(axis=0)
    unbiased = np.sqrt(np.divide(n_known, n_known - 1, out=np.full(n_known.shape, np.nan), where=n_known > 1))
    response = (mean - _mean_over_images(mean)) * unbiased
    return Signatures(np.empty(0, dtype=str), response, noise, np.empty(0))


def _mean_over_images(values: Floats) -> Floats:
    """Average over the first axis what is known; NaN where nothing is."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0))
