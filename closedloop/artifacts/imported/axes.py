"""Which axis of an array of responses is which, by their names and lengths; what could be either is not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Final

from numpy.typing import NDArray

from closedloop.errors import OptionError

IMAGES, REPETITIONS, SITES, TIME = "images", "repetitions", "sites", "time_bin"
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    IMAGES: ("images", "image", "presentations", "presentation", "stimuli", "stimulus", "image_id", "stimulus_id"),
    REPETITIONS: ("repetitions", "repetition", "trials", "trial"),
    SITES: ("sites", "site", "neuroids", "neuroid", "neuroid_id", "units", "unit", "channels", "channel"),
    TIME: ("time_bin",),
}
"""What an axis is, and what it may be called."""

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
    ordered = values.transpose([fitting[0].index(role) for role in roles])
    return ordered if ordered.ndim == 3 else ordered[:, None]


def _as_said(said: Sequence[str]) -> str:
    return f" ({', '.join(one or 'unnamed' for one in said)})" if any(said) else ""
