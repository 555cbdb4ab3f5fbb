"""Example images for a page, as the animal saw them: clean, attacked, and their difference magnified."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.evaluation import Example, RasterExample
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.protocol.session import Recording
from closedloop.artifacts.tables import Columns
from closedloop.report.drawing import data_uri
from closedloop.report.magnified import MAGNIFICATION, magnified_difference
from closedloop.report.wording import rate


@dataclass(frozen=True)
class PagePicture:
    """An image embedded in the page."""

    uri: str
    alt: str


@dataclass(frozen=True)
class Triple:
    """A clean image, its attack and their difference, with what the site did."""

    clean: PagePicture
    attacked: PagePicture
    difference: PagePicture
    caption: str
    rates: str


@dataclass(frozen=True)
class Shown:
    """An image whose spikes are drawn below it (Figure 2A)."""

    picture: PagePicture
    caption: str


@dataclass(frozen=True)
class Pair:
    """A clean image and the image made from it, uint8, height x width x 3, with their caption."""

    clean: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    caption: str
    numbers: str


def triple(pair: Pair) -> Triple:
    """Return two images and their difference as part of a page."""
    return Triple(
        clean=_picture(pair.clean, alt=f"clean: {pair.caption}"),
        attacked=_picture(pair.shown, alt=f"shown: {pair.caption}"),
        difference=_picture(
            magnified_difference(pair.clean, pair.shown), alt=f"difference times {MAGNIFICATION}: {pair.caption}"
        ),
        caption=pair.caption,
        rates=pair.numbers,
    )


def triples(examples: Sequence[Example], images: Path, audit: Columns | None) -> list[Triple]:
    """Read the images of the examples and caption them.

    Parameters
    ----------
    examples
        Which images, and what they did.
    images
        The day's images.h5.
    audit
        Columns of `STIMULUS_AUDIT`, which tell whether an attack was to raise a rate or to lower it; None in a day
        that an older version synthesized.

    Raises
    ------
    DocumentError
        The image file is missing, damaged, or has no such row.
    """
    rows = [row for example in examples for row in (example.clean_index, example.attacked_index)]
    pixels = read_rows(images, STIMULUS_IMAGES, name="images", rows=rows)
    meant = [_meant(audit, example.attacked_index) for example in examples]
    return [
        _triple(example, *pixels[2 * place : 2 * place + 2], meant=words)
        for place, (example, words) in enumerate(zip(examples, meant, strict=True))
    ]


def _meant(audit: Columns | None, attacked_index: int) -> str:
    """Return what an attack was to do to the rate, by the model's prediction."""
    if audit is None:
        return ""
    (change,) = audit["predicted_change"][audit["image_index"] == attacked_index].tolist() or [0.0]
    return ", to raise it ↑" if change > 0 else ", to lower it ↓" if change < 0 else ""


def shown(examples: Sequence[RasterExample], images: Path, recording: Recording) -> list[Shown]:
    """Read the images of the spike rasters and caption them: what, of which category, epsilon, and the rate.

    Parameters
    ----------
    examples
        Of one site.
    images
        The day's images.h5.
    recording
        The protocol's section, for the window that spikes are counted in.
    """
    pixels = read_rows(images, STIMULUS_IMAGES, name="images", rows=[example.image_index for example in examples])
    captions = [
        " · ".join(
            (
                example.title,
                example.category,
                *([f"ε = {example.epsilon:g}"] if example.epsilon else []),
                f"{rate(_rate_hz(example, recording))} Hz",
            )
        )
        for example in examples
    ]
    return [Shown(_picture(image, alt=caption), caption) for caption, image in zip(captions, pixels, strict=True)]


def captioned(images: Path, rows: Sequence[int], captions: Sequence[str]) -> list[Shown]:
    """Read some of a session's images, each with words of its own.

    Parameters
    ----------
    images
        The session's images.h5.
    rows, captions
        Which, and what is said of each.
    """
    pixels = read_rows(images, STIMULUS_IMAGES, name="images", rows=list(rows))
    pairs = zip(captions, pixels, strict=True)
    return [Shown(_picture(image, alt=caption), caption) for caption, image in pairs]


def _rate_hz(example: RasterExample, recording: Recording) -> float | None:
    """Return the mean rate over an example's presentations, from its spikes in the window."""
    start_ms, stop_ms = recording.window_start_ms, recording.window_stop_ms
    counts = [sum(start_ms <= time < stop_ms for time in train) for train in example.spike_times_ms]
    return 1000 * sum(counts) / len(counts) / (stop_ms - start_ms) if counts else None


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image (height x width x 3) as PNG, pixel for pixel."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _triple(example: Example, clean: NDArray[np.uint8], attacked: NDArray[np.uint8], *, meant: str) -> Triple:
    name = f"{example.category}, site {example.neuroid_id}, ε = {example.epsilon:g}"
    return Triple(
        clean=_picture(clean, alt=f"clean: {name}"),
        attacked=_picture(attacked, alt=f"attacked: {name}"),
        difference=_picture(magnified_difference(clean, attacked), alt=f"difference times {MAGNIFICATION}: {name}"),
        caption=f"{example.category} · {example.neuroid_id} · ε = {example.epsilon:g}",
        rates=f"{rate(example.rate_clean_hz)} → {rate(example.rate_attacked_hz)} Hz{meant}",
    )


def _picture(image: NDArray[np.uint8], *, alt: str) -> PagePicture:
    return PagePicture(uri=data_uri(png(image), "image/png"), alt=alt)
