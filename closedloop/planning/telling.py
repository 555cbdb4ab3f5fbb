"""A plan in lines: for the terminal, and the few that `closedloop init` prints of a protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from closedloop.planning.arms import allocation_lines, arm_lines
from closedloop.planning.design import Ladder
from closedloop.planning.expectation import Contrast, ExpectedEpsilon
from closedloop.planning.plan import Plan, PlannedAlternative
from closedloop.report.wording import DASH

TESTS = (
    "Seen means: in four of five such experiments the 95 % interval of the estimate (Student's t over images, "
    "two-sided at .05) does not hold zero. Growth: of the report's paired difference on the anchors that both days "
    "have. Two conditions: of the difference of two means over half of the pairs each, of other images."
)
"""Which tests the powers are of."""

_SOONEST = 0.8
_FEW_HOURS = 0.1
_MIN_PER_HOUR = 60
_S_PER_MIN = 60


def plan_lines(plan: Plan, *, to_amend: str = "") -> list[str]:
    """Return a plan as text.

    Parameters
    ----------
    plan
        What is told.
    to_amend
        The command by which the day goes by other numbers; empty where there is none.
    """
    lines = [_title(plan), *cost_lines(plan), *decided_lines(plan)]
    lines += [*(f"Assumed: {line}" for line in plan.assumptions), "", *_table(plan)]
    lines += ["", TESTS, *_growth_lines(plan)] if plan.epsilons else []
    lines += [*plane_lines(plan), *ladder_lines(plan), *arm_lines(plan.arms), *allocation_lines(plan.allocation)]
    lines += _hours_lines(plan)
    if to_amend and any(one.fits for one in plan.alternatives):
        lines.append(to_take_one(plan, to_amend))
    return lines


def decided_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what people decided of the session and of those before it: what kind it is, and in words."""
    decided, missed = plan.decisions, plan.decisions.not_shown_before
    rows = [("Held", line.rstrip(".")) for line in decided.held]
    rows += [("Amended", line) for line in decided.amended]
    rows += [("Left out", line) for line in decided.left_out]
    rows += [("Session", line) for line in decided.sessions]
    if missed is not None:
        words = (
            f"of day {missed.day} {missed.n_presentations:,} presentations were not shown; of its {missed.n_images:,} "
            f"clean images that nobody saw {missed.n_offered:,} are among this day's, in the place of new ones, and "
            "counted with them"
        )
        rows.append(("Offered again", words))
    if plan.block > 1:
        rows.append(("Session", f"of {plan.session.said} alone: the report joins it with those of the day before it"))
    return rows


def decided_lines(plan: Plan) -> list[str]:
    """Return the same, a line each."""
    return [f"{kind}: {words}." for kind, words in decided_rows(plan)]


def rests_on(plan: Plan) -> str:
    """Return what the expectations rest on, in a few words."""
    if plan.days:
        return f"expected from what {days_in_words(plan.days)} measured"
    if plan.hours.sessions:
        return "expected from what is assumed: no change that was recorded counts"
    return "expected before anything was recorded"


def hours_text(hours: float) -> str:
    """Return hours as text, minutes where they are few.

    Examples
    --------
    >>> hours_text(2.504), hours_text(0.05)
    ('2.50 h', '3.0 min')
    """
    return f"{hours:.2f} h" if hours >= _FEW_HOURS else f"{_MIN_PER_HOUR * hours:.1f} min"


def to_take_one(plan: Plan, to_amend: str) -> str:
    """Return how an alternative is taken: the first one that fits, as an example."""
    first = next(one for one in plan.alternatives if one.fits)
    return f"To take one, write its keys into a file, such as '{change_text(first)}', and: {to_amend}"


def change_text(one: PlannedAlternative) -> str:
    """Return an alternative as YAML of one line, as `closedloop amend` reads it."""
    sections: dict[str, list[str]] = {}
    for key, value in one.change.items():
        section, name = key.split(".")
        sections.setdefault(section, []).append(f"{name}: {value}")
    written = [f"{name}: {{{', '.join(own)}}}" for name, own in sections.items()]
    return written[0] if len(written) == 1 else f"{{{', '.join(written)}}}"


def protocol_lines(plan: Plan) -> list[str]:
    """Return the few lines on what a protocol can show, all of it assumed."""
    errors = ", ".join(f"epsilon {one.epsilon:g}: {_number(one.means[0].standard_error)}" for one in plan.epsilons)
    growth = [one for one in plan.epsilons if one.growth is not None]
    lines = [
        f"A day's plan, before anything is recorded: {cost_lines(plan)[0]}",
        f"Expected standard error of a day's sensitivity, in sigma: {errors}.",
    ]
    if growth:
        smallest = ", ".join(f"epsilon {one.epsilon:g}: {_number(one.growth.smallest)}" for one in growth if one.growth)
        lines.append(f"Growth from one day to another that is seen in four of five experiments: {smallest}.")
    lines += [*round_lines(plan), *_growth_lines(plan), *plane_lines(plan), *ladder_lines(plan)]
    lines += [*arm_lines(plan.arms)]
    lines += allocation_lines(plan.allocation)
    return [*lines, *(f"Assumed: {line}" for line in plan.assumptions)]


def cost_lines(plan: Plan) -> list[str]:
    """Return presentations and hours."""
    parts = ", ".join(f"{number:,} {name}" for name, number in plan.presentations.items() if number)
    lines = [f"{plan.n_presentations:,} presentations ({parts}).", _hours(plan)]
    lines += round_lines(plan)
    if plan.n_shown:
        left = max(plan.n_presentations - plan.n_shown, 0)
        hours = plan.hours.expected * left / plan.n_presentations
        lines.append(f"Its session has begun: {plan.n_shown:,} are shown, {left:,} are left, {hours_text(hours)}.")
    return lines


def round_lines(plan: Plan) -> list[str]:
    """Return what each of the day's rounds costs, and how long the animal waits after it, a line each."""
    if not plan.rounds:
        return []
    waits = sum(one.wait_s or 0.0 for one in plan.rounds)
    hours = sum(one.hours for one in plan.rounds)
    between = f", and {_wait_text(waits)} of waiting between them {plan.waits_by}" if plan.waits_by else ""
    lines = [f"Day {plan.day} has {len(plan.rounds)} sessions: {hours_text(hours)} at work{between}."]
    for one in plan.rounds:
        waited = f", then about {_wait_text(one.wait_s)} of waiting" if one.wait_s is not None else ""
        lines.append(f"Session {one.block}: {one.n_presentations:,} presentations, {hours_text(one.hours)}{waited}.")
    return lines


def _wait_text(seconds: float) -> str:
    """Return a wait as text: minutes, seconds where it is short."""
    return f"{seconds / _S_PER_MIN:.0f} min" if seconds >= 2 * _S_PER_MIN else f"{max(seconds, 1):.0f} s"


def _title(plan: Plan) -> str:
    of = f" of {plan.subject}" if plan.subject else ""
    simulated = "SIMULATED, " if plan.simulated else ""
    said = plan.session.said
    return f"{said[0].upper()}{said[1:]}{of}, {simulated}protocol {plan.protocol}: {rests_on(plan)}."


def _hours(plan: Plan) -> str:
    hours = plan.hours
    broken = f"{hours.broken_fraction:.0%}".replace("%", " %")
    if hours.sessions:
        expects = f"{hours.expected_broken_fraction:.0%}".replace("%", " %")
        between = f"{hours_text(hours.best)} to {hours_text(hours.worst)}"
        pace = (
            f"at the pace of {days_in_words(hours.sessions)} ({between}), on which {broken} of the trials were broken "
            f"or ignored (the protocol expects {expects})"
        )
    else:
        pace = f"with {broken} of the trials broken or ignored, as the protocol expects"
    return f"{hours_text(hours.expected)} {pace}; {plan.most_hours:g} h {'wanted' if plan.wanted_hours else 'allowed'}."


def days_in_words(days: Sequence[int]) -> str:
    """Return "day 0", "days 0 and 1", "days 0 to 3"; a day of two sessions is told once.

    Examples
    --------
    >>> days_in_words((0,)), days_in_words((1, 2)), days_in_words((0, 1, 2, 4))
    ('day 0', 'days 1 and 2', 'days 0, 1, 2 and 4')
    >>> days_in_words((0, 1, 1))
    'days 0 and 1'
    """
    days = list(dict.fromkeys(days))
    if len(days) < 2:
        return f"day {days[0]}" if days else "no day"
    if len(days) > 2 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"days {days[0]} to {days[-1]}"
    return f"days {', '.join(map(str, days[:-1]))} and {days[-1]}"


COLUMNS = ("epsilon", "size", "SE all", "SE anchors", "SE a site", "seen from", "growth seen", "conditions seen")


def _table(plan: Plan) -> Iterator[str]:
    """Yield the numbers of each epsilon in columns, all but the first in sigma."""
    if not plan.epsilons:
        yield "Nothing is attacked in this session: its images are for the fit, and the day is measured by another one."
        return
    rows = [COLUMNS, *(_cells(one) for one in plan.epsilons)]
    if plan.measured:
        rows[0] = (*COLUMNS, "SE measured")
        rows[1:] = [(*row, _measured(plan, one)) for row, one in zip(rows[1:], plan.epsilons, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    pairs = "; ".join(
        f"{one.image_set} {one.n_pairs:,} pairs on {one.n_images:,} images" for one in plan.epsilons[0].means
    )
    since = f" since day {plan.growth_since}" if plan.growth_since is not None else " to a later day of this plan"
    yield f"In sigma; {pairs}; growth{since}."


def _cells(one: ExpectedEpsilon) -> tuple[str, ...]:
    anchors = one.mean("anchors")
    return (
        f"{one.epsilon:g}",
        _number(one.size),
        _number(one.means[0].standard_error),
        _number(anchors.standard_error) if anchors else DASH,
        _number(median_error(one)),
        _number(one.smallest_seen),
        smallest(one.growth),
        smallest(one.conditions),
    )


def median_error(one: ExpectedEpsilon) -> float:
    """Return the median standard error of single sites; NaN where none is known."""
    known = [site.standard_error for site in one.sites if math.isfinite(site.standard_error)]
    return median(known) if known else float("nan")


def smallest(contrast: Contrast | None) -> str:
    """Return the smallest difference that is seen, a dash where there is nothing to compare."""
    return _number(contrast.smallest) if contrast else DASH


def _measured(plan: Plan, own: ExpectedEpsilon) -> str:
    found = [one.standard_error for one in plan.measured if one.epsilon == own.epsilon and one.image_set == "all"]
    return _number(found[0]) if found else DASH


def plane_lines(plan: Plan) -> list[str]:
    """Say how sure the bends of a day's planes of images will be, and their curvatures; nothing where it shows none."""
    planes = plan.planes
    if planes is None:
        return []
    powers = ", ".join(f"{bend:g}: {100 * power:.0f} %" for bend, power in planes.power.items())
    flat = (
        f"a flat surface's curvature {planes.curvature_error:.4f} per epsilon, at a slope of {planes.slope:.3f} sigma "
        "for a unit of epsilon"
        if math.isfinite(planes.curvature_error)
        else "a curvature's is not known, as no slope is expected of a model that has learned nothing"
    )
    return [
        f"Planes: {planes.n_planes} sites x {planes.n_images} images x {planes.repetitions} repetitions at extent "
        f"{planes.extent:g}: the bend at the middle of a side has a standard error of "
        f"{_number(planes.edge_error)} sigma "
        f"and is seen from {_number(planes.smallest)} (power at {powers}); {flat}. Pressed to whole grey levels, "
        f"black and white, images reach some {planes.reach_along:.1f} along and {planes.reach_across:.1f} across, and "
        f"lie up to {planes.beside:.1f} beside the plane: the error allows for it, and the middle of a side is "
        "extrapolated. Both directions are the model's: the "
        "second one, along which the site is said to bend, is a hypothesis."
    ]


def ladder_lines(plan: Plan) -> list[str]:
    """Say what images at levels a day shows and how long they take, a line those that are alike."""
    return [_ladder_line(plan, one) for one in plan.ladders]


def _ladder_line(plan: Plan, one: Ladder) -> str:
    hours = plan.hours.expected * one.n_presentations / plan.n_presentations
    balls = f" x {one.n_epsilons} epsilons" if one.n_epsilons > 1 else ""
    ladders = f"{len(one.names)} ladders ({', '.join(one.names)}) x " if len(one.names) > 1 else f"{one.names[0]}, "
    return (
        f"Levels: {ladders}{one.n_levels} levels x {one.n_pairs:,} pairs of {one.n_images} images and {one.n_sites} "
        f"sites{balls}: {one.n_made:,} images, each shown {one.repetitions} times, in {one.n_presentations:,} "
        f"presentations, {hours_text(hours)}. How far sites follow is not foretold."
    )


def _growth_lines(plan: Plan) -> list[str]:
    """Say from which day on growth like the paper's is seen, at which epsilons."""
    known = [one for one in plan.epsilons if one.by_day]
    if not known:
        return []
    soonest = {
        one.epsilon: next((day for day, power in sorted(one.by_day.items()) if power >= _SOONEST), None)
        for one in known
    }
    since = min(known[0].by_day) - 1
    seen = ", ".join(f"at epsilon {epsilon:g} from day {day} on" for epsilon, day in soonest.items() if day is not None)
    never = ", ".join(f"{epsilon:g}" for epsilon, day in soonest.items() if day is None)
    last = max(known[0].by_day)
    lines = f"Growth since day {since} as in the paper (2.7 times in four days) is seen {seen or 'at no epsilon'}"
    return [f"{lines}{f'; at epsilon {never} not up to day {last}' if never and seen else ''}."]


def _hours_lines(plan: Plan) -> list[str]:
    if plan.fits:
        if plan.room:
            return [f"It fits into {plan.most_hours:g} h, with room for some {plan.room:,} presentations more."]
        return []
    lines = ["", f"To fit into {plan.most_hours:g} h, one of these; standard errors in sigma over all pairs:"]
    lines += [f"  {alternative_line(one)}" for one in plan.alternatives if one.fits]
    if short := [one for one in plan.alternatives if not one.fits]:
        lines += ["Not enough alone:", *(f"  {alternative_line(one)}" for one in short)]
    return lines


def alternative_line(one: PlannedAlternative) -> str:
    """Return a change of the protocol with what it costs, in one line."""
    errors = ", ".join(f"{_number(error)} at {epsilon:g}" for epsilon, error in one.standard_errors.items())
    costs = f"; {one.costs}" if one.costs else ""
    return f"{one.says}: {one.n_presentations:,} presentations, {hours_text(one.hours)}; SE {errors}{costs}."


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else DASH
