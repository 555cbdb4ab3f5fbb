"""Which axis of an array of responses is which, by their names and lengths; what could be either is not guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import OptionError

IMAGES, REPETITIONS, SITES, TIME = "images", "repetitions", "sites", "time_bin"
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    IMAGES: ("images", "image", "presentations", "presentation", "stimuli", "stimulus", "image_id", "stimulus_id"),
    REPETITIONS: ("repetitions", "repetition", "trials", "trial"),
    SITES: ("sites", "site", "neuroids", "neuroid", "neuroid_id", "units", "unit", "channels", "channel"),
    TIME: ("time_bin", "time_bins", "time", "times", "bin", "bins"),
}
"""What an axis is, and what it may be called."""

_NAMELESS = re.compile(r"(phony_)?dim_?[0-9]*")  # as libraries call an axis that nobody named
_ROLE = {word: role for role, words in WORDS.items() for word in words}


class AxesError(Exception):
    """The axes are not those of responses, or nobody can tell which; arguments: what was expected, what was found."""


def check_words(axes: Sequence[str]) -> None:
    """Refuse names of axes that mean nothing.

    Raises
    ------
    OptionError
        One is none, or there is one twice.
    """
    roles = [_ROLE.get(one, "") for one in axes]
    if axes and ("" in roles or len(set(roles)) < len(roles) or not {IMAGES, SITES} <= set(roles)):
        raise OptionError(
            f"--axes: expected {IMAGES}, {SITES} and perhaps {REPETITIONS} or {TIME}, each once, in the order of the "
            f"responses' axes, found {', '.join(axes)[:80]!r}. Correct it."
        )


def in_order(values: NDArray[Any], axes: Sequence[str], *, n_images: int, n_sites: int) -> NDArray[Any]:
    """Return responses as images x repetitions x sites; of presentations, with one repetition each.

    Parameters
    ----------
    values
        In any order of axes.
    axes
        What each is called; "" or any other word where nobody says.
    n_images, n_sites
        Lengths of two of them.

    Raises
    ------
    AxesError
        The lengths fit none, or several.
    """
    said = [_ROLE.get(one, "") for one in axes]
    shape = " x ".join(map(str, values.shape))
    if len(said) != values.ndim:
        raise AxesError(f"{len(said)} axes of the responses, as --axes has", shape)
    if TIME in said:
        at = said.index(TIME)
        if values.shape[at] != 1:
            raise AxesError("one time bin, as is fitted", f"{values.shape[at]}. Average over the response's")
        values, said = values.squeeze(at), [role for role in said if role != TIME]
    roles = (IMAGES, REPETITIONS, SITES) if values.ndim == 3 else (IMAGES, SITES)
    length = {IMAGES: n_images, SITES: n_sites}
    fitting = [
        order
        for order in permutations(roles)
        if len(order) == values.ndim
        and all(named in ("", role) for named, role in zip(said, order, strict=True))
        and all(length.get(role, n) == n for role, n in zip(order, values.shape, strict=True))
    ]
    if not fitting:
        raise AxesError(
            f"responses of {n_images} presentations x {n_sites} sites (or {n_images} images, repetitions and "
            f"{n_sites} sites, in any order)",
            f"{shape}{_as_said(said)}. Name the datasets that belong together",
        )
    if len(fitting) > 1:
        ways = " or ".join(" x ".join(one) for one in fitting)
        raise AxesError(
            "axes that are told apart by their lengths or names",
            f"{shape}, which may be {ways}. Say which by --axes {','.join(fitting[0])} (or another order)",
        )
    names = [one for one in axes if _ROLE.get(one) != TIME]
    if other := next((name for name, role in zip(names, fitting[0], strict=True) if role == REPETITIONS), ""):
        _refuse_unknown(other, shape)
    ordered = values.transpose([fitting[0].index(role) for role in roles])
    return ordered if ordered.ndim == 3 else ordered[:, None]


def _refuse_unknown(name: str, shape: str) -> None:
    """Refuse an axis that is called something else than repetitions, and would be taken for them.

    Raises
    ------
    AxesError
        It is.
    """
    if name not in _ROLE and not _NAMELESS.fullmatch(name):
        raise AxesError(
            f"axes of {IMAGES}, {REPETITIONS} and {SITES}",
            f"{shape}, one of which is called {name[:40]!r}. Average over it, or name {REPETITIONS} by --axes",
        )


def add_up_bins(
    values: NDArray[Any],
    axes: Sequence[str],
    bins: tuple[NDArray[Any] | None, NDArray[Any] | None],
    window_ms: tuple[float, float],
    *,
    are_counts: bool,
) -> NDArray[Any]:
    """Return responses in one time bin, that of a window: the sum of counts, the mean of rates.

    Parameters
    ----------
    values
        With whatever axes; without several time bins they are returned as they are.
    axes
        What each is called.
    bins
        Where each bin starts and ends, in milliseconds; None where nobody says.
    window_ms
        Start and end; bins must fill it.
    are_counts
        Whether the values add up over time.

    Raises
    ------
    AxesError
        The bins do not fill the window.

    Examples
    --------
    >>> import numpy as np
    >>> bins = np.array([60, 70, 80]), np.array([70, 80, 90])
    >>> add_up_bins(np.array([[[9, 1, 2]]]), ("image", "site", "time_bin"), bins, (70, 90), are_counts=True)
    array([[[3]]])
    """
    said = [_ROLE.get(one, "") for one in axes]
    if TIME not in said or len(said) != values.ndim or values.shape[said.index(TIME)] == 1:
        return values
    at, (starts, ends), (first, last) = said.index(TIME), bins, window_ms
    wanted = f"time bins that fill {first:g} to {last:g} ms"
    if starts is None or ends is None or starts.shape != ends.shape or len(starts) != values.shape[at]:
        raise AxesError(f"{wanted}, by time_bin_start and time_bin_end", "none that say where they begin and end")
    inside = [int(one) for one in np.argsort(starts, kind="stable") if starts[one] >= first and ends[one] <= last]
    edges = [first, *(float(ends[one]) for one in inside)]
    if not inside or edges[-1] != last or any(float(starts[one]) != e for one, e in zip(inside, edges, strict=False)):
        raise AxesError(wanted, f"bins from {starts.min():g} to {ends.max():g} ms. Name a window by --window START,END")
    chosen = values.take(inside, axis=at)
    return np.asarray(chosen.sum(axis=at, keepdims=True) if are_counts else chosen.mean(axis=at, keepdims=True))


def _as_said(said: Sequence[str]) -> str:
    return f" ({', '.join(one or 'unnamed' for one in said)})" if any(said) else ""
