"""Tables of sensitivity: the day-by-day table, growth between two days, every number of a day, epsilons, sites."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from closedloop.analysis.bootstrap import bootstrap_difference
from closedloop.analysis.estimate import Estimate
from closedloop.analysis.reliability import explained_fraction
from closedloop.analysis.sensitivity import paired_difference
from closedloop.artifacts.day.evaluation import AttainedFraction, EvaluationReport
from closedloop.artifacts.protocol.analysis import Evaluation
from closedloop.artifacts.protocol.attack import CONTROL_KINDS, SIZE_KINDS
from closedloop.artifacts.tables import Columns
from closedloop.report.numbers import DayRow
from closedloop.report.reading import DayRecord, SensitivityRow
from closedloop.report.signs import count_signs
from closedloop.report.wording import DASH, count, number, percent, plus_minus, rate, share, size, span


@dataclass(frozen=True)
class Table:
    """A table as text; the first column names the row. Cells are numbers, or sentences where `prose` says so."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    prose: bool = False


_over_images_and_sites = partial(bootstrap_difference, seed=0)  # an interval depends on its pairs alone
_SIGNS = {"measured": "by the measured change", "true": "by the hidden truth"}


NAMES = {
    "paper": "sites, the paper's estimator",
    "cross_fitted": "sites, cross-fitted sign",
    "gaussian": "Gaussian noise (RMS)",
    "linear": "linear interpolation (RMS)",
    "other_site": "attacks on other sites (RMS)",
    "yesterday": "yesterday's attacks, shown again",
    "sham": "sham, nothing changed (RMS)",
    "true": "sites, hidden truth",
    "white_box": "white-box bound",
    "vanilla_units": "units, standard training",
    "robust_units": "units, adversarial training",
}


def day_by_day(rows: Sequence[DayRow]) -> Table:
    """Return the day-by-day table."""
    epsilons = sorted({cell.epsilon for row in rows for cell in row.epsilons})
    truths = any(cell.true is not None for row in rows for cell in row.epsilons)
    counted = {row.signs_of for row in rows if row.signs_of}
    kinds = ("measured", "true") if truths else ("measured",)
    return Table(
        columns=(
            "",
            "r",
            *(f"signs right, {_SIGNS[kind]}" for kind in kinds),
            *(f"ε = {epsilon:g} {kind}" for epsilon in epsilons for kind in kinds),
            "used / presented",
        ),
        rows=tuple(_day_line(row, epsilons, truths=truths) for row in rows),
        caption="r: median over sites, the day's sealed model against clean images it never saw. Signs right: part of "
        "all attacks that moved their site in the sealed direction, by the measured change, which noise pulls towards "
        "50 %" + (", and by the simulated cortex's own" if truths else "") + ". "
        f"{_signs_counted(counted)}"
        "Sensitivity in σ, mean ± SE over image and site pairs (clustered by image), on the anchor images where "
        "the study has them.",
    )


def _signs_counted(epsilons: Collection[tuple[float, ...]]) -> str:
    """Say of which epsilons signs are counted where the days have not the same."""
    if not epsilons:
        return ""
    named = ", ".join(f"{epsilon:g}" for epsilon in next(iter(epsilons)))
    return f"Signs are counted at the ε that all days have ({named}): days do not compare at the others. "


def _day_line(row: DayRow, epsilons: Sequence[float], *, truths: bool) -> tuple[str, ...]:
    cells = {cell.epsilon: cell for cell in row.epsilons}
    agreement = [percent(row.sign_agreement_measured), percent(row.sign_agreement_true)][: 1 + truths]
    values: list[str] = []
    for epsilon in epsilons:
        cell = cells.get(epsilon)
        values += [_row_value(cell.paper if cell else None), _row_value(cell.true if cell else None)][: 1 + truths]
    used = f"{count(row.n_used)} / {count(row.n_presented)}"
    return (f"day {row.day}", number(row.r), *agreement, *values, used)


def _row_value(row: SensitivityRow | None) -> str:
    return DASH if row is None else plus_minus(row.mean, row.standard_error)


_ATTAINED_BY_DAY = "Attained / white-box as in the table of days, by the sealed sign, with its 95 % interval. "


def growth(first: DayRecord, last: DayRecord, summary: Sequence[SensitivityRow]) -> Table:
    """Compare two days on the same anchor pairs, and the last one with the white-box bound.

    Parameters
    ----------
    first, last
        The two days.
    summary
        Means over sites of all days.
    """
    of_first, of_last = (
        {row.epsilon for row in summary if row.estimate == "paper" and row.day == day.day} for day in (first, last)
    )
    epsilons = sorted(of_first & of_last)
    return Table(
        columns=(
            "",
            f"day {first.day} measured",
            f"day {last.day} measured",
            "paired difference",
            "over images and sites (95 %)",
            "pairs / images (n)",
            "true growth",
            "attained / white-box",
        ),
        rows=tuple(_growth_line(first, last, summary, epsilon=epsilon) for epsilon in epsilons),
        caption="Paired difference: the same anchor images and sites on both days, mean ± SE clustered by image; the "
        "interval beside it is of sites like these. True "
        "growth and attained / white-box (the latter on the last day) come from the hidden cortex and exist in "
        "simulated studies only, the SE by the delta method as if the two were independent. "
        f"{_ATTAINED_BY_DAY if last.evaluation and last.evaluation.attained else ''}"
        "Attained / white-box is the figure of merit; growth depends on how bad the start was."
        + _left_out(of_first ^ of_last),
    )


def _left_out(epsilons: Collection[float]) -> str:
    """Say which epsilons are not compared, since one of the two days has none of them."""
    if not epsilons:
        return ""
    return (
        f" Left out, since one of the days has none: ε = {', '.join(f'{epsilon:g}' for epsilon in sorted(epsilons))}."
    )


def _growth_line(
    first: DayRecord, last: DayRecord, summary: Sequence[SensitivityRow], *, epsilon: float
) -> tuple[str, ...]:
    rows = {
        (row.day, row.estimate): row for row in summary if row.epsilon == epsilon and row.estimate not in CONTROL_KINDS
    }
    difference = anchor_difference(first.pairs, last.pairs, epsilon=epsilon)
    over_sites = anchor_difference(first.pairs, last.pairs, epsilon=epsilon, compare=_over_images_and_sites)
    true = rows.get((last.day, "true"))
    return (
        f"ε = {epsilon:g}",
        _row_value(rows.get((first.day, "paper"))),
        _row_value(rows.get((last.day, "paper"))),
        plus_minus(difference.mean, difference.standard_error) if difference else DASH,
        span(over_sites.interval) if over_sites else DASH,
        f"{difference.n_pairs:,} / {difference.n_images:,}" if difference else DASH,
        _ratio(true, rows.get((first.day, "true"))),
        _attained(last, epsilon) or _ratio(true, rows.get((last.day, "white_box"))),
    )


def _attained(day: DayRecord, epsilon: float) -> str:
    """Return what the day's attacks attained; empty where an older version evaluated it, which knew no such number."""
    of_day = day.evaluation.attained if day.evaluation else ()
    return next((attained(one) for one in of_day if one.epsilon == epsilon), "")


def attained(one: AttainedFraction) -> str:
    """Return an attained fraction as ``0.312 (0.271 to 0.355)``."""
    if one.interval_low is None or one.interval_high is None:
        return f"{number(one.fraction)} (interval unknown)" if one.fraction is not None else DASH
    return f"{number(one.fraction)} ({span((one.interval_low, one.interval_high))})"


def anchor_difference(
    before: Columns | None,
    after: Columns | None,
    *,
    epsilon: float,
    compare: Callable[..., Estimate] = paired_difference,
) -> Estimate | None:
    """Return the change of the paper's estimate between two days on the anchor pairs that both have.

    Parameters
    ----------
    before, after
        Tables ``PAIRS`` of the two days; None where a day has none.
    epsilon
        At 224 px.
    compare
        Over images with the sites held fixed, or as `paired_difference` otherwise.

    Returns
    -------
    Estimate or None
        None where the days share no pair.
    """
    if before is None or after is None:
        return None
    old, new = _anchor_pairs(before, epsilon), _anchor_pairs(after, epsilon)
    common = sorted(old.keys() & new.keys())
    if not common:
        return None
    return compare(
        np.array([old[pair] for pair in common]),
        np.array([new[pair] for pair in common]),
        image_index=np.unique([image for image, _ in common], return_inverse=True)[1],
        site_index=np.unique([site for _, site in common], return_inverse=True)[1],
    )


def _anchor_pairs(pairs: Columns, epsilon: float) -> dict[tuple[str, str], float]:
    """Return predicted sign times change by (image, site), the mean over the day's sessions."""
    rows = np.flatnonzero((pairs["kind"] == "attacked") & (pairs["role"] == "anchor") & (pairs["epsilon"] == epsilon))
    changes: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        changes.setdefault((str(pairs["image_id"][row]), str(pairs["neuroid_id"][row])), []).append(
            float(np.sign(pairs["predicted_sign"][row]) * pairs["change"][row])
        )
    return {pair: sum(found) / len(found) for pair, found in changes.items()}


def _ratio(above: SensitivityRow | None, below: SensitivityRow | None) -> str:
    if above is None or below is None or below.mean <= 0:
        return DASH
    ratio = above.mean / below.mean
    error = math.hypot(above.standard_error / below.mean, ratio * below.standard_error / below.mean)
    return plus_minus(ratio, error)


def every_number(rows: Sequence[SensitivityRow]) -> Table:
    """List every mean over sites of a day with its error, its interval and its n."""
    return Table(
        columns=("", "from", "images", "ε", "sensitivity (σ)", "95 % interval (σ)", "images (n)", "sites (n)"),
        rows=tuple(
            (
                NAMES[row.estimate],
                "truth" if row.truth else "recording",
                row.image_set,
                f"{row.epsilon:g}",
                size(row.mean, row.interval) if _is_size(row) else plus_minus(row.mean, row.standard_error),
                span(row.interval),
                count(row.n_images),
                count(row.n_sites),
            )
            for row in rows
            if row.site == ""
        ),
        caption="Mean ± SE, clustered by image; intervals by Student's t over images. Controls and the cross-fitted "
        "sign: the size, or what it is at most where the interval reaches zero (of an RMS: the interval of the square, "
        "its ends rooted with their sign). The cross-fitted sign falls short of the size where noise turns it, so its "
        "upper end bounds that estimate and not the size itself. From truth: computed without measurement noise, from "
        "the hidden cortex of a simulated study or from an artificial network.",
    )


def _is_size(row: SensitivityRow) -> bool:
    """Return whether a row estimates a size from noisy halves: controls and the cross-fitted sign, as measured."""
    return not row.truth and row.estimate in ("cross_fitted", *SIZE_KINDS)


def by_epsilon(evaluation: EvaluationReport, pairs: Columns | None) -> Table:
    """Return how the attacks of each epsilon turned out.

    Parameters
    ----------
    evaluation
        Of the day.
    pairs
        Columns of `day.evaluation.PAIRS`, by which attacks without a change are not counted; None: all are.
    """
    counted = {
        (e.epsilon, true): e.n_pairs if pairs is None else count_signs(pairs, epsilon=e.epsilon, true=true).n_counted
        for e in evaluation.epsilons
        for true in (False, True)
    }
    return Table(
        columns=(
            "",
            "pairs (n)",
            "signs right, by the measured change",
            "by the hidden truth",
            "realised ε mean",
            "max",
            "predicted change",
            "rate",
        ),
        rows=tuple(
            (
                f"ε = {e.epsilon:g}",
                count(e.n_pairs),
                share(e.sign_agreement_measured, counted[e.epsilon, False]),
                share(e.sign_agreement_true, counted[e.epsilon, True]),
                f"{e.realised_epsilon_mean:.4f}",
                f"{e.realised_epsilon_max:.4f}",
                number(e.predicted_change, unit="z"),
                _hz(e.mean_attacked_hz),
            )
            for e in evaluation.epsilons
        ),
        caption="Signs right: of the pairs whose change is known and not 0, ± binomial SE. Realised ε is "
        "computed from the bytes shown. Rate: mean over the attacked images that were to raise it.",
    )


def sites(evaluation: EvaluationReport) -> Table:
    """List the sites with their range and how well the model predicts them."""
    lines = []
    for site, sigma in evaluation.sigma_hz.items():
        r, rho = evaluation.r_predicted.get(site), evaluation.reliability.get(site)
        lines.append(
            (
                site,
                number(sigma, unit="Hz"),
                number(evaluation.sigma_corrected_hz.get(site), unit="Hz"),
                number(rho),
                number(r),
                percent(_explained(r, rho)),
                _hz(evaluation.preferred_hz.get(site)),
            )
        )
    return Table(
        columns=("site", "σ", "σ without noise", "reliability ρ", "r", "r² / ρ", "preferred category"),
        rows=tuple(lines),
        caption="σ: SD over clean images, as in the paper (noise included), and with the variance of the noise, as the "
        "repetitions of an image tell it, taken out. r² / ρ: explained part of what can be explained. The preferred "
        "category is chosen on the same responses, so its rate is biased upward.",
    )


def _hz(value: float | None) -> str:
    return f"{rate(value)} Hz" if rate(value) != DASH else DASH


def _explained(r: float | None, reliability: float | None) -> float | None:
    if r is None or reliability is None:
        return None
    return float(explained_fraction(np.array([r]), np.array([reliability]))[0])


def attained_over_days(days: Sequence[DayRecord], evaluation: Evaluation) -> Table | None:
    """Return the attained fraction of each day by epsilon; None where no day has one.

    Parameters
    ----------
    days
        The sessions; of a day with several the last evaluated one stands.
    evaluation
        The protocol's section: how the bound was searched.
    """
    found = {day.day: {one.epsilon: one for one in day.evaluation.attained} for day in days if day.evaluation}
    found = {day: cells for day, cells in found.items() if cells}
    epsilons = sorted({epsilon for cells in found.values() for epsilon in cells})
    if not found:
        return None
    return Table(
        columns=("", *(f"ε = {epsilon:g} {what}" for epsilon in epsilons for what in ("attained", "bound"))),
        rows=tuple(
            (f"day {day}", *(text for epsilon in epsilons for text in _cell(cells.get(epsilon))))
            for day, cells in found.items()
        ),
        caption="Attained: mean change of the hidden cortex in the direction that was sealed, over the mean |change| "
        "that its own gradient finds of the same images, sites and ε (bound, in σ), with its 95 % interval over images "
        f"and sites. {_said_of_search(evaluation)}",
    )


def _cell(one: AttainedFraction | None) -> tuple[str, str]:
    return (attained(one), number(one.white_box)) if one else (DASH, DASH)


def _said_of_search(evaluation: Evaluation) -> str:
    starts = "one start" if evaluation.white_box_restarts == 1 else f"{evaluation.white_box_restarts} starts"
    balls = " in each of two balls" if evaluation.white_box_search == "strengthened" else ""
    steps = f"{evaluation.white_box_steps} steps{balls}"
    return f"The bound was searched by {evaluation.white_box_search}: {starts}, {steps}."
