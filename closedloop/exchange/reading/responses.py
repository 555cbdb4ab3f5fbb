"""What a file of responses holds, whatever its form: presentations x sites, and what is known of the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import DocumentError

Floats = NDArray[np.float64]

ALL = "all"
"""The one recording of a file that tells none apart."""


@dataclass(frozen=True)
class FileResponses:
    """Presentations that count, and the sites' responses to them.

    Attributes
    ----------
    format
        Of the file, in words.
    rates
        (n_presentations, n_sites), in `unit`; NaN where there is none.
    images
        Names, (n_images,).
    image_index
        Which image each presentation shows, (n_presentations,).
    number
        By which its recording numbers the image: halves of the repetitions are drawn in this order.
    sites
        Names, (n_sites,).
    unit
        Hz, or as the file says; empty where it does not.
    recordings
        Names of the sessions, (n_recordings,).
    recording
        Which each presentation is of, (n_presentations,).
    seeds
        Of the halves behind each recording's reliability, where the file says it; else 0.
    kind, role
        What was shown, as a study says it, (n_presentations,); all clean where the file says nothing.
    category
        Of each image, (n_images,); empty where unknown.
    simulated
        Whether the file says that it is of a simulation.
    said
        What of the file gave what, and what is to be known of it, by what it is about.
    pixels
        uint8, (n_images, height, width, 3), where the file has them.
    notices
        What a person has to know of it, a sentence each.
    """

    format: str
    rates: Floats
    images: tuple[str, ...]
    image_index: NDArray[np.int64]
    number: NDArray[np.int64]
    sites: tuple[str, ...]
    unit: str
    recordings: tuple[str, ...]
    recording: NDArray[np.int64]
    seeds: tuple[int, ...]
    kind: NDArray[np.str_]
    role: NDArray[np.str_]
    category: tuple[str, ...]
    simulated: bool
    said: Mapping[str, str] = field(default_factory=dict)
    pixels: NDArray[np.uint8] | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SaidOfPresentations:
    """What a file says of each presentation, (n_presentations,) each; None where it says nothing of the kind.

    Attributes
    ----------
    kind, role, category
        Of what was shown.
    used
        Whether it counts.
    day, session
        When.
    number
        By which the session numbers its images.
    seed
        Of the halves behind the session's reliability.
    """

    kind: NDArray[np.str_] | None = None
    role: NDArray[np.str_] | None = None
    category: NDArray[np.str_] | None = None
    used: NDArray[np.bool_] | None = None
    day: NDArray[np.str_] | None = None
    session: NDArray[np.str_] | None = None
    number: NDArray[np.int64] | None = None
    seed: NDArray[np.int64] | None = None


CLEAN = "clean"
_MOST_NUMBER = 10_000_000  # of an image in a session: tables are as long
_YES, _NO = frozenset(("1", "1.0", "true", "yes")), frozenset(("0", "0.0", "false", "no", "nan", "none", ""))
_NO_CATEGORY = frozenset(
    ("", "nan", "none")
)  # missing texts and numbers, as pandas and our own stimulus sets write them


def assemble(
    rates: Floats,
    image_of: Sequence[str],
    sites: Sequence[str],
    about: SaidOfPresentations,
    *,
    format: str,
    unit: str,
    simulated: bool,
    said: Mapping[str, str],
    categories: Mapping[str, str] | None = None,
) -> FileResponses:
    """Put together what was read, without the presentations that count for no site.

    Parameters
    ----------
    rates
        (n_presentations, n_sites).
    image_of
        Name of the image of each presentation.
    sites
        Names.
    about
        What else is said of the presentations.
    format, unit, simulated, said
        Of the file.
    categories
        Of images by name, where another file says them.
    """
    kept = np.asarray(np.isfinite(rates).any(axis=1) & (True if about.used is None else about.used))
    names, first, index = np.unique(np.array(image_of, dtype=np.str_)[kept], return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they came
    place = np.argsort(order)[index.reshape(-1)]
    images = tuple(str(names[one]) for one in order)
    n = int(kept.sum())
    recordings, recording = _recordings(about, kept)
    known = categories or {}
    of_images = tuple(
        _category(known.get(image, ""))
        or ("" if about.category is None else _category(about.category[kept][first[own]]))
        for image, own in zip(images, order, strict=True)
    )
    kind = np.full(n, CLEAN) if about.kind is None else about.kind[kept]
    role = np.full(n, CLEAN) if about.role is None else about.role[kept]
    if not (kind == CLEAN).any():  # a word of somebody else's
        kind, role = np.full(n, CLEAN), np.full(n, CLEAN)
    seeds = np.zeros(n, np.int64) if about.seed is None else about.seed[kept]
    number = None if about.number is None else about.number[kept]
    return FileResponses(
        format=format,
        rates=rates[kept],
        images=images,
        image_index=place,
        number=place if number is None or not _numbers_images(number, place, recording) else number,
        sites=tuple(sites),
        unit=unit,
        recordings=recordings,
        recording=recording,
        seeds=tuple(int(seeds[recording == one][0]) for one in range(len(recordings))),
        kind=kind,
        role=role,
        category=of_images,
        simulated=simulated,
        said=said,
    )


def _numbers_images(number: NDArray[np.int64], image: NDArray[np.int64], recording: NDArray[np.int64]) -> bool:
    """Return whether numbers tell a recording's images apart, as a study's own do, and are no other count."""
    if len(number) and not 0 <= number.min() <= number.max() <= _MOST_NUMBER:
        return False
    pairs = np.unique(np.stack([recording, number, image], axis=1), axis=0)
    return len(np.unique(pairs[:, :2], axis=0)) == len(pairs)


def _category(said: str) -> str:
    return "" if str(said).strip().casefold() in _NO_CATEGORY else str(said)


def which_count(said: Mapping[str, NDArray[Any]], *, path: Path) -> NDArray[np.bool_] | None:
    """Return which presentations count by all that is said of it; None where nothing is. What is missing counts as no.

    Parameters
    ----------
    said
        By name numbers, truth values or texts, (n_presentations,) each.
    path
        The file, for messages.

    Raises
    ------
    DocumentError
        One of them says something else than yes or no.
    """
    return np.logical_and.reduce([_yes(one, path, name) for name, one in said.items()]) if said else None


def say_left_out(said: NDArray[Any] | None, used: NDArray[np.bool_] | None) -> Iterator[str]:
    """Tell of presentations that people left out of a study's fit or evaluation: its reliability counts them.

    Parameters
    ----------
    said
        Of what each was left out, (n_presentations,); None where the file says nothing.
    used
        Which count; None: all.
    """
    marked = np.array([bool(str(one)) for one in said.tolist()]) if said is not None else np.zeros(0, dtype=bool)
    n = np.count_nonzero(marked & used) if used is not None and marked.size else np.count_nonzero(marked)
    if n:
        yield f"{n:,} presentations that people left out of fit or evaluation count here, as in a study's reliability."


def _yes(said: NDArray[Any], path: Path, name: str) -> NDArray[np.bool_]:
    if said.dtype == np.bool_:
        return said
    words = [str(one).strip().casefold() for one in said.tolist()]
    if other := next((one for one in words if one not in _YES and one not in _NO), None):
        raise DocumentError(
            f"{path}: expected {name} of each presentation to be 1 or 0, whether it counts, found {other:.40}. "
            "Correct it."
        )
    return np.array([one in _YES for one in words], dtype=bool)


def _recordings(about: SaidOfPresentations, kept: NDArray[np.bool_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the sessions that the file tells apart, in the order in which they come, and whose each row is."""
    if about.day is None and about.session is None:
        return (ALL,), np.zeros(int(kept.sum()), dtype=np.int64)
    days = None if about.day is None else [f"day {one}" for one in about.day[kept]]
    sessions = None if about.session is None else [f"session {one}" for one in about.session[kept]]
    if days is not None and sessions is not None and len(set(sessions)) == 1:
        sessions = None
    parts = [one for one in (days, sessions) if one is not None]
    labels = [", ".join(words) for words in zip(*parts, strict=True)]
    recordings = tuple(dict.fromkeys(labels))
    place = {name: number for number, name in enumerate(recordings)}
    return recordings, np.array([place[label] for label in labels], dtype=np.int64)
