"""Arms that bring sites to stated levels: how far the sites followed, how arms differ, what is missed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.intervals import student_95, student_p
from closedloop.analysis.objectives.followed import Followed, mean_of_images, mean_over_images, slopes_of_images
from closedloop.analysis.slopes import holm
from closedloop.artifacts.tables import Columns
from closedloop.report.arms.numbers import LEVEL
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, span


@dataclass(frozen=True)
class ArmLevels:
    """How far sites followed the levels of one arm.

    Attributes
    ----------
    name
        The arm's.
    by_image
        Slope of the measured response on the level of each clean image, within its sites.
    true_by_image
        The same of a simulated subject's hidden rates; empty of a real one.
    reached_by_image
        Of the measured response among the levels that are reached.
    foretold
        The same of the arm's own model, the mean over images.
    distance
        Of the measured response from its level, without its sign, SD.
    n, n_reached
        Images with a response, and how many the arm's own model says are at their level.
    """

    name: str
    by_image: dict[str, float]
    true_by_image: dict[str, float]
    reached_by_image: dict[str, float]
    foretold: float
    distance: Followed
    n: int
    n_reached: int


def levels_of(sessions: Sequence[Columns]) -> Columns | None:
    """Return the levels of some sessions together; None where there are none.

    Parameters
    ----------
    sessions
        Of each, columns of `day.arms.tables.ARM_OBJECTIVE_EFFECTS`.
    """
    parts = [
        {name: np.asarray(values)[effects["objective_kind"] == LEVEL] for name, values in effects.items()}
        | {"session": np.full(int((effects["objective_kind"] == LEVEL).sum()), number)}
        for number, effects in enumerate(sessions)
    ]
    parts = [part for part in parts if len(part["session"])]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else None


def level_tables(levels: Columns) -> Iterator[Table]:
    """Show what each arm attained, and how arms differ on the images that both changed.

    Parameters
    ----------
    levels
        As `levels_of` returns them.
    """
    arms = [_of_arm(name, levels) for name in dict.fromkeys(levels["objective"].tolist())]
    has_truth = any(arm.true_by_image for arm in arms)
    yield Table(
        columns=(
            "slope on the level",
            "measured",
            "95 %",
            *(("hidden truth", "95 %") if has_truth else ()),
            "foretold",
            "reached levels",
            "95 %",
            "distance (SD)",
            "images made",
            "clean images",
            "reached by the model",
        ),
        rows=tuple(
            (
                arm.name,
                *_slope(mean_of_images([*arm.by_image.values()])),
                *(_slope(mean_of_images([*arm.true_by_image.values()])) if has_truth else ()),
                number(arm.foretold),
                *_slope(mean_of_images([*arm.reached_by_image.values()])),
                number(arm.distance.value),
                count(arm.n),
                count(len(arm.by_image)),
                count(arm.n_reached),
            )
            for arm in arms
        ),
        caption="Levels of each arm: measured SD for each SD of the level that the arm's own model was brought to, "
        "within pairs of image and site; 1 follows wholly, 0 not at all. Means over clean images, with intervals over "
        "them. Reached levels: the measured slope among the images that the arm's own model says are at their level. "
        "Distance: mean of the response from the level, without its sign.",
    )
    pairs = list(itertools.combinations(arms, 2))
    if pairs:
        yield _differences(pairs)


def _of_arm(name: str, levels: Columns) -> ArmLevels:
    own = {key: np.asarray(values)[levels["objective"] == name] for key, values in levels.items()}
    image = own["image_id"].astype(np.str_)
    pairs = np.stack([own["site_index"].astype(np.int64), own["session"].astype(np.int64)])
    _, site = np.unique(pairs, axis=1, return_inverse=True)  # of each session its own: levels are of its model
    slopes = {
        of: slopes_of_images(own[f"{of}made"], own["target_sd"], image=image, site=site)
        for of in ("", "true_", "predicted_")
    }
    return ArmLevels(
        name,
        slopes[""],
        slopes["true_"],
        slopes_of_images(np.where(own["is_reached"], own["made"], np.nan), own["target_sd"], image=image, site=site),
        mean_of_images([*slopes["predicted_"].values()]).value,
        mean_over_images(np.abs(own["made"] - own["target_sd"]), image),
        int(np.isfinite(own["made"]).sum()),
        int(own["is_reached"].sum()),
    )


def _differences(pairs: Sequence[tuple[ArmLevels, ArmLevels]]) -> Table:
    found = [
        mean_of_images([one.by_image[image] - two.by_image[image] for image in one.by_image if image in two.by_image])
        for one, two in pairs
    ]
    p = [_p_of(one) for one in found]
    return Table(
        columns=("", "difference of slopes", "95 %", "p", "p, corrected", "clean images"),
        rows=tuple(
            (
                f"{one.name} − {two.name}",
                *_slope(difference),
                _said(own),
                _said(corrected),
                count(difference.n_images),
            )
            for (one, two), difference, own, corrected in zip(pairs, found, p, holm(np.array(p)).tolist(), strict=True)
        ),
        caption="Of measured slopes, on the clean images that both arms changed; two-sided, corrected by Holm for the "
        "number of differences.",
    )


def _p_of(one: Followed) -> float:
    if not math.isfinite(one.high) or one.high <= one.value:
        return math.nan
    error = (one.high - one.value) / student_95(one.n_images - 1)
    return student_p(one.value / error, one.n_images - 1)


def _slope(one: Followed) -> tuple[str, str]:
    return number(one.value), span((one.low, one.high))


def _said(p: float) -> str:
    if not math.isfinite(p):
        return number(None)
    return "< .001" if p < 0.001 else f"{p:.3f}"
