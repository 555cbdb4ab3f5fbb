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
from closedloop.report.arms.numbers import LEVEL, SessionArms
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, span


@dataclass(frozen=True)
class ArmLevels:
    """How far sites followed the levels of one arm.

    Attributes
    ----------
    name
        The arm's, with its epsilon where it has several.
    epsilon
        That bounds its images: arms are compared within one.
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
    by_site
        The measured slope of each clean image at each site alone, by the site's name.
    """

    name: str
    epsilon: float
    by_image: dict[str, float]
    true_by_image: dict[str, float]
    reached_by_image: dict[str, float]
    foretold: float
    distance: Followed
    n: int
    n_reached: int
    by_site: dict[str, dict[str, float]]


def levels_of(sessions: Sequence[SessionArms]) -> Columns | None:
    """Return the levels of some sessions together, with each image's session and epsilon; None where there are none.

    Parameters
    ----------
    sessions
        Of one study.
    """
    parts = []
    for place, one in enumerate(sessions):
        if one.objectives is None:
            continue
        is_level = one.objectives["objective_kind"] == LEVEL
        own = {name: np.asarray(values)[is_level] for name, values in one.objectives.items()}
        parts.append({**own, **_made_by(own, one.effects), "session": np.full(len(own["objective"]), place)})
    parts = [part for part in parts if len(part["session"])]
    if not parts:
        return None
    return _named({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _made_by(levels: Columns, effects: Columns) -> Columns:
    """Return which arm made each image within which epsilon: an objective of a session is one arm's in one ball."""
    columns = (effects[name].tolist() for name in ("image_index", "arm", "epsilon"))
    made = {image: (arm, epsilon) for image, arm, epsilon in zip(*columns, strict=True)}
    names = levels["objective"].tolist()
    of_objective = {  # an image has no effect where its site's electrode is no longer recorded
        name: made[image] for name, image in zip(names, levels["image_index"].tolist(), strict=True) if image in made
    }
    arms = [of_objective.get(name, (name, math.nan)) for name in names]
    return {
        "arm": np.array([arm for arm, _ in arms], dtype=object),
        "epsilon": np.array([epsilon for _, epsilon in arms], dtype=np.float64),
    }


def _named(levels: Columns) -> Columns:
    """Return levels under the names of their arms, with the epsilon where an arm has several."""
    balls = {arm: np.unique(levels["epsilon"][levels["arm"] == arm]) for arm in levels["arm"].tolist()}
    names = [
        arm if len(balls[arm]) == 1 else f"{arm}, epsilon {epsilon:g}"
        for arm, epsilon in zip(levels["arm"].tolist(), levels["epsilon"].tolist(), strict=True)
    ]
    return {**levels, "objective": np.array(names, dtype=object)}


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
    if any(len(arm.by_site) > 1 for arm in arms):
        yield _by_site(arms)
    pairs = [(one, two) for one, two in itertools.combinations(arms, 2) if one.epsilon == two.epsilon]
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
    neuroid = own["neuroid_id"].astype(np.str_)
    return ArmLevels(
        name,
        float(own["epsilon"][0]),
        slopes[""],
        slopes["true_"],
        slopes_of_images(np.where(own["is_reached"], own["made"], np.nan), own["target_sd"], image=image, site=site),
        mean_of_images([*slopes["predicted_"].values()]).value,
        mean_over_images(np.abs(own["made"] - own["target_sd"]), image),
        int(np.isfinite(own["made"]).sum()),
        int(own["is_reached"].sum()),
        {
            str(one): slopes_of_images(
                np.where(neuroid == one, own["made"], np.nan), own["target_sd"], image=image, site=site
            )
            for one in np.unique(neuroid)
        },
    )


def _by_site(arms: Sequence[ArmLevels]) -> Table:
    rows = []
    for arm in arms:
        for site, by_image in arm.by_site.items():
            found = mean_of_images([*by_image.values()])
            rows.append((arm.name, site, *_slope(found), count(found.n_images)))
    return Table(
        columns=("", "site", "slope on the level", "95 %", "clean images"),
        rows=tuple(rows),
        caption="The measured slope of each site alone: means over its clean images, with intervals over them.",
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
        caption="Of measured slopes, on the clean images that both arms changed within the same epsilon; two-sided, "
        "corrected by Holm for the number of differences shown here.",
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
