"""What sites were shown and answered before: natural images, and all generations so far, from published files alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.reliability import mean_response
from closedloop.analysis.repetitions import mean_of_equally_many, repetitions_of
from closedloop.artifacts import catalog
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.artifacts.files.kinds import Reader
from closedloop.artifacts.protocol.evolution.section import EVOLVED
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.tables import Columns
from closedloop.stimuli.evolution.codes import ImageCode
from closedloop.stimuli.evolution.search import Generation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NaturalAnswers:
    """Natural images of the days before evolution began, with what the sites answered to them.

    Attributes
    ----------
    images
        uint8, (n_images, side, side, 3).
    image_id, category
        Their names and categories in the pool, (n_images,).
    spikes
        Mean count over their repetitions, by output of the model, (n_images,) each; NaN where nothing is usable.
    evenly
        The same over as many repetitions of each, and NaN of an image with fewer: by these the highest is chosen, which
        would else be one of those with fewest counts.
    """

    images: NDArray[np.uint8]
    image_id: NDArray[np.str_]
    category: NDArray[np.str_]
    spikes: dict[int, Floats]
    evenly: dict[int, Floats]

    def has(self, site: int) -> bool:
        """Return whether a site, an output of the model, answered any of the images."""
        return site in self.spikes and bool(np.isfinite(self.spikes[site]).any())

    def best(self, site: int) -> int:
        """Return which image a site answered most."""
        return int(np.nanargmax(self.evenly[site]))


@dataclass(frozen=True)
class ShownGeneration:
    """A session's generation of all sites.

    Attributes
    ----------
    table
        `EVOLVED_IMAGES`.
    codes
        Of its rows, (n_rows, n_components).
    spikes
        Mean count over showings of each of the session's images, by output of the model, (n_images,) each; of no output
        where the session's recording is lost.
    """

    table: Columns
    codes: Floats
    spikes: dict[int, Floats]

    def of_site(self, site: int) -> Generation | None:
        """Return a site's part of it, an output of the model; None where it has none."""
        rows = np.flatnonzero((self.table["site_index"] == site) & (self.table["kind"] == EVOLVED))
        if not len(rows):
            return None
        index = self.table["image_index"][rows].astype(np.int64)
        lost = np.full(len(rows), np.nan)  # its electrode is no longer recorded, or nothing was
        return Generation(self.codes[rows], self.spikes[site][index] if site in self.spikes else lost)


@dataclass(frozen=True)
class ToldSoFar:
    """All that evolving images are made from.

    Attributes
    ----------
    natural
        What the sites answered before the first.
    shown
        All generations, in order.
    code
        What codes stand for, as the first session with any sealed it; None before it.
    """

    natural: NaturalAnswers
    shown: tuple[ShownGeneration, ...]
    code: ImageCode | None


def read_told(
    before: Sequence[tuple[Block, Reader]],
    *,
    first_day: int,
    with_images: Collection[Block],
    lost: Collection[Block] = (),
) -> ToldSoFar:
    """Read what was shown and answered in the sessions before one.

    A session whose recording is lost showed its images all the same: they teach nothing, and are not made again.

    Parameters
    ----------
    before
        Those sessions, in order, and who reads each.
    first_day
        Of the protocol's section.
    with_images
        Those of them that have evolving images.
    lost
        Those of them that were shown and whose recording is lost.
    """
    natural = [_answers(read, one) for one, read in before if one.day < first_day and one not in lost]
    shown, code = list[ShownGeneration](), None
    for one, read in before:
        if one not in with_images:
            continue
        if code is None:
            code = ImageCode(**read(catalog.IMAGE_CODE, day=one.day))
        table, codes = read(catalog.EVOLVED_IMAGES, day=one.day), read(catalog.EVOLVED_CODES, day=one.day)["codes"]
        shown.append(ShownGeneration(table, codes, {} if one in lost else _by_output(_answers(read, one))))
    return ToldSoFar(_natural(natural), tuple(shown), code)


def _answers(read: Reader, block: Block) -> DayResponses:
    return read_day_responses(read, block.day, window_s=1.0)  # so that they are counts


def _by_output(answers: DayResponses) -> dict[int, Floats]:
    means = mean_response(answers.rates_hz, answers.image_index, n_images=answers.n_images)
    return {site.site_index: means[:, place] for place, site in enumerate(answers.sites) if site.site_index is not None}


def _natural(sessions: Sequence[DayResponses]) -> NaturalAnswers:
    rows = [evaluated_clean_rows(one.stimuli) for one in sessions]
    spikes = [_by_output(one) for one in sessions]
    lost = [np.full(one.n_images, np.nan) for one in sessions]

    def of_all(values: Sequence[NDArray[np.float64]]) -> Floats:
        return np.concatenate([own[shown] for own, shown in zip(values, rows, strict=True)])

    def named(name: str) -> NDArray[np.str_]:
        columns = [one.stimuli.columns[name][shown].astype(np.str_) for one, shown in zip(sessions, rows, strict=True)]
        return np.concatenate(columns)

    outputs = sorted({output for one in spikes for output in one})
    return NaturalAnswers(
        np.concatenate([one.stimuli.images[shown] for one, shown in zip(sessions, rows, strict=True)]),
        named("image_id"),
        named("category"),
        {output: of_all([own.get(output, none) for own, none in zip(spikes, lost, strict=True)]) for output in outputs},
        _evenly([_showings(one, shown) for one, shown in zip(sessions, rows, strict=True)], outputs),
    )


def _showings(answers: DayResponses, rows: NDArray[np.int64]) -> dict[int | None, Floats]:
    """Return the counts of some images, by output of the model, (n_rows, n_repetitions) each; of None no site's."""
    by_image = repetitions_of(answers.rates_hz, answers.image_index, n_images=answers.n_images)[rows]
    nothing = np.full((len(rows), by_image.shape[2]), np.nan)
    return {site.site_index: by_image[:, place] for place, site in enumerate(answers.sites)} | {None: nothing}


def _evenly(sessions: Sequence[dict[int | None, Floats]], outputs: Sequence[int]) -> dict[int, Floats]:
    """Return each output's means over as many counts of every image of all sessions."""
    most = max((one[None].shape[1] for one in sessions), default=0)
    found = {}
    for output in outputs:
        counts = [one.get(output, one[None]) for one in sessions]
        padded = [np.pad(own, ((0, 0), (0, most - own.shape[1])), constant_values=np.nan) for own in counts]
        found[output] = mean_of_equally_many(np.concatenate(padded))
    return found
