"""The section on arms: means with intervals, differences on the same pairs, and models as reviewers of all arms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from matplotlib.figure import Figure

from closedloop.analysis.arms.reviewing import Resampled
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.arms.allocation import CORRECTED, allocation_tables
from closedloop.report.arms.levels import level_tables, levels_of
from closedloop.report.arms.numbers import ATTACK, LEVEL, ComparedArms, SessionArms, compared_arms
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.objectives.figures import MARKED, followed_levels
from closedloop.report.objectives.missed import missed_levels
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number

_LEAST_PX = 480
_WIDEST_BALL = 387  # from a black image to a white one: of images that no ball bounds
_BRACKETS = (
    "A row is a model (day: all members of the day's model together), in brackets the arms that made their images by "
    "it. A column is an arm, in brackets its model where that has another name."
)


def arms_of(days: Sequence[DayRecord]) -> PageSection | None:
    """Show the arms of some sessions together; None where there are none.

    Parameters
    ----------
    days
        Which; of one alone the section has its own name.
    """
    sessions = [
        SessionArms(day.arms, day.arms_foretold, day.arm_objectives, day.arm_allocation, _sigma_in_z(day))
        for day in days
        if day.arms is not None and day.arms_foretold is not None
    ]
    compared = compared_arms(sessions)
    if not compared:
        return None
    ranked = [one for one in compared if one.kind != LEVEL]
    levels = levels_of(sessions)
    missed = missed_levels(levels) if levels is not None else None
    return PageSection(
        "arms" if len(days) > 1 else f"arms-{days[0].day}",
        "Arms beside each other" + (", all days" if len(days) > 1 else ""),
        f"{_which_pairs(sessions)}. All images were shown mixed; what each model says of each was sealed before any "
        "was shown." + (f" {CORRECTED}" if compared[0].is_adaptive else ""),
        plates=(
            *([_ranking(ranked)] if ranked else []),
            *([_levels(levels)] if levels is not None else []),
        ),
        tables=(
            *allocation_tables(days),
            *(table for one in ranked for table in (*_tables(one), _cross_prediction(one))),
            *(level_tables(levels) if levels is not None else ()),
            *(_cross_prediction(one) for one in compared if one.kind == LEVEL),
        ),
        folded=(
            *(
                folded
                for one in compared
                for folded in (
                    (f"Slopes of measured on foretold changes, {_title(one)}", _slopes(one)),
                    *([(f"R² of foretold changes, {_title(one)}", _explained(one))] if one.kind == LEVEL else []),
                    (f"Reviewers against each other, {_title(one)}", _reviewers(one)),
                )
            ),
            *([("Levels that were not reached", missed)] if missed is not None else []),
        ),
    )


def _sigma_in_z(day: DayRecord) -> dict[str, float]:
    """Return how many SD of what models foretell a site's sigma is; of sites whose two SD the evaluation knows."""
    if day.evaluation is None:
        return {}
    sigma = {site: one for site, one in day.evaluation.sigma_hz.items() if one}
    return {site: sigma[site] / one for site, one in day.evaluation.z_sd_hz.items() if one and site in sigma}


def _which_pairs(sessions: Sequence[SessionArms]) -> str:
    """Say on which pairs of an image and a site the arms were: all on the same ones, or on as many as each had."""
    made, measured = (
        {
            arm: {
                (number, *pair)
                for number, one in enumerate(sessions)
                for *pair, own, change in zip(
                    *(one.effects[name].tolist() for name in ("image_id", "neuroid_id", "arm", "change")), strict=True
                )
                if own == arm and (not is_measured or math.isfinite(change))
            }
            for arm in {name for one in sessions for name in one.effects["arm"].tolist()}
        }
        for is_measured in (False, True)
    )
    if any(pairs != next(iter(made.values())) for pairs in made.values()):
        return (
            "Arms had the first of the same list of pairs of an image and a site, each as many as its share was; "
            "differences are on those that both had"
        )
    every = "Every arm had the same pairs of an image and a site"
    if any(pairs != next(iter(measured.values())) for pairs in measured.values()):
        return f"{every}, of which not all were measured of every arm; differences are on those that were of both"
    return every


def _title(one: ComparedArms) -> str:
    """Return what a group of arms is called: by epsilon, and by what their images were to attain."""
    bound = "no ball" if one.epsilon > _WIDEST_BALL else f"ε = {one.epsilon:g}"
    return bound if one.kind == ATTACK else f"{one.kind}, {bound}"


def _ranking(compared: Sequence[ComparedArms]) -> Plate:
    return plate(
        _forest(compared),
        "How far each arm moved the sites",
        least_width_px=_LEAST_PX,
        caption="Mean change in the direction that the arm's own model foretold, in σ, with 95 % intervals "
        "over images and sites: a lower bound. Rings: the hidden truth of a simulated study.",
    )


def _levels(levels: Columns) -> Plate:
    return plate(
        followed_levels(levels),
        "Levels",
        least_width_px=_LEAST_PX,
        caption="Measured responses to images that were to bring a site to a level, mean over sites and clean images "
        f"with the 95 % interval over clean images, an arm a colour and a marker. {MARKED}",
    )


def _forest(compared: Sequence[ComparedArms]) -> Figure:
    names = list(dict.fromkeys(arm.name for one in reversed(compared) for arm in one.arms))
    figure, panels = drawing.new_figure(
        len(compared), 1, width=2.4 + 2.9 * len(compared), height=1.3 + 0.36 * len(names), sharey=True
    )
    for axes, one in zip(panels, compared, strict=True):
        for arm in one.arms:
            place, (low, high) = len(names) - 1 - names.index(arm.name), arm.change.interval
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [place, place], color=drawing.SITE, linewidth=2.2)
            axes.plot([arm.change.mean], [place], marker="o", color=drawing.SITE, linestyle="")
            drawing.note_numbers(axes, arm.name, [arm.change.mean], [float(place)], low=[low], high=[high])
            if math.isfinite(arm.truth):
                axes.plot([arm.truth], [place], marker="o", mfc="none", mec=drawing.TRUE, markersize=9, linestyle="")
                drawing.note_numbers(axes, f"{arm.name}, hidden truth", [arm.truth], [float(place)])
        axes.axvline(0, color=drawing.SOFT, linewidth=0.8)
        axes.set_yticks(range(len(names)), list(reversed(names)))
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_title(_title(one))
        axes.set_xlabel("change (σ)")
    return figure


def _tables(one: ComparedArms) -> Iterator[Table]:
    has_truth = any(math.isfinite(arm.truth) for arm in one.arms)
    yield Table(
        columns=("", "model", "change (σ)", "95 % interval", *(("true",) if has_truth else ()), "attacks (n)"),
        rows=tuple(
            (
                arm.name,
                arm.model,
                number(arm.change.mean),
                _span(*arm.change.interval),
                *((number(arm.truth),) if has_truth else ()),
                count(arm.change.n_pairs),
            )
            for arm in one.arms
        ),
        caption=f"{_title(one)}, the arm that moved the sites most first. Model: day, all members together; "
        "member_0 and so on, one of them; others beside it.",
    )
    if one.differences:
        yield Table(
            columns=("", "difference (σ)", "95 % interval", "p", "p, corrected", "pairs (n)"),
            rows=tuple(
                (
                    f"{two.first} − {two.second}",
                    number(two.difference.mean),
                    _span(*two.difference.interval),
                    _p(two.p),
                    _p(two.corrected_p),
                    count(two.difference.n_pairs),
                )
                for two in one.differences
            ),
            caption="On the pairs of image and site that both attacked on the same day; two-sided, corrected by Holm "
            "for the number of differences.",
        )


def _cross_prediction(one: ComparedArms) -> Table:
    """Show how well each model foretold the changes under each arm."""
    n_of = [("images made (n)", *(count(arm.reviews.reviews[0].n) for arm in one.arms))] if one.kind == LEVEL else []
    return _of_models(
        one,
        "r",
        corner="r, foretold by",
        more=(
            ("ceiling", *(number(arm.reviews.ceiling) for arm in one.arms)),
            *n_of,
            ("clean images (n)", *(count(arm.reviews.n_images) for arm in one.arms)),
        ),
        caption=f"{_title(one)}: each model's sealed changes against the measured ones, image by image: their "
        "correlation, with 95 % intervals over clean images. Ceiling: the correlation that the noiseless changes "
        "would have, from halves of the repetitions.",
    )


def _slopes(one: ComparedArms) -> Table:
    return _of_models(
        one,
        "slope",
        caption="Slope of the measured change on the foretold one, both in SD over the images by which days are put on "
        "one scale: 1 of a model that foretells sizes, too. Intervals by resampling images.",
    )


def _explained(one: ComparedArms) -> Table:
    return _of_models(
        one,
        "r2",
        caption="Part of the variance of the measured changes that the foretold ones explain as they are, in the same "
        "SD: below 0 of a model that foretells larger changes than come. Intervals by resampling images.",
    )


def _of_models(
    one: ComparedArms,
    measure: Literal["r", "slope", "r2"],
    *,
    caption: str,
    corner: str = "foretold by",
    more: tuple[tuple[str, ...], ...] = (),
) -> Table:
    """Show a measure of every model, a row each, under every arm, a column each."""
    names = [_reviewer(reviewer, one) for reviewer in one.reviewers]
    said = f" {_BRACKETS}" if names != list(one.reviewers) or any(arm.name != arm.model for arm in one.arms) else ""
    return Table(
        columns=(corner, *_made_by(one)),
        rows=(
            *(
                (name, *(_with_interval(getattr(arm.reviews.reviews[place], measure)) for arm in one.arms))
                for place, name in enumerate(names)
            ),
            *more,
        ),
        caption=f"{caption}{said}",
    )


def _reviewer(name: str, one: ComparedArms) -> str:
    """Return a model with the arms that follow it, where these are called otherwise."""
    arms = [arm.name for arm in one.arms if arm.model == name]
    return name if not arms or arms == [name] else f"{name} ({', '.join(arms)})"


def _made_by(one: ComparedArms) -> tuple[str, ...]:
    what = "attacks" if one.kind == ATTACK else "images"
    return tuple(
        f"{what} of {arm.name}" + ("" if one.kind == ATTACK or arm.name == arm.model else f" ({arm.model})")
        for arm in one.arms
    )


def _reviewers(one: ComparedArms) -> Table:
    return Table(
        columns=("", *(arm.name for arm in one.arms)),
        rows=tuple(
            (
                f"{two.first} − {two.second}",
                *(_with_interval(arm.reviews.differences[place].difference) for arm in one.arms),
            )
            for place, two in enumerate(one.arms[0].reviews.differences)
        ),
        caption="Correlation of the first model minus that of the second, on the same resamples of images.",
    )


def _with_interval(one: Resampled) -> str:
    return f"{number(one.value)} {_span(one.low, one.high)}" if math.isfinite(one.value) else DASH


def _span(low: float, high: float) -> str:
    return f"[{number(low)}, {number(high)}]" if math.isfinite(low) and math.isfinite(high) else DASH


def _p(p: float) -> str:
    if not math.isfinite(p):
        return DASH
    return "< .001" if p < 0.001 else f"{p:.3f}"
