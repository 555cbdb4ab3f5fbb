"""A plan as a page: what the day costs, what it is expected to show, what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from closedloop import __version__
from closedloop.planning.arms import allocation_lines, arm_lines
from closedloop.planning.assumed import GROWTH
from closedloop.planning.expectation import Contrast
from closedloop.planning.plan import Plan, PlannedAlternative
from closedloop.planning.telling import (
    TESTS,
    cost_lines,
    days_in_words,
    decided_lines,
    decided_rows,
    hours_text,
    ladder_lines,
    median_error,
    plane_lines,
    rests_on,
    smallest,
    to_take_one,
)
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.plan import figures
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent

_WIDE_PX = 460
_POWER_STEPS = 60


def plan_page(plan: Plan, *, command: str, to_amend: str = "") -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    plan
        What is shown.
    command
        What makes the page again.
    to_amend
        The command by which the day goes by other numbers; empty where there is none.
    """
    others = _alternatives(plan, to_amend)
    with drawing.style():
        sections = [
            _in_short(plan),
            *_decided(plan),
            *others,
            *((_errors(plan), _power(plan)) if plan.epsilons else ()),
            *_planes(plan),
            *_ladders(plan),
            *_arms(plan),
            _cost(plan),
            _rests_on(plan),
        ]
    return render(
        Page(
            title=f"{plan.subject}: plan of {plan.session.said}" if plan.subject else f"Plan of day {plan.day}",
            subtitle=f"What the day costs and what it can show, {rests_on(plan)}.",
            facts=(
                ("Protocol", plan.protocol),
                ("Observed", days_in_words(plan.days)),
                *((("Sites", count(len(plan.epsilons[0].sites))),) if plan.epsilons else ()),
                ("Software", f"closedloop {__version__}"),
            ),
            command=command,
            simulated=plan.simulated,
            notices=tuple(_notices(plan)),
            links=(),
            sections=tuple(sections),
            source="",
            has_dark=True,
        )
    )


def _notices(plan: Plan) -> Iterator[str]:
    if not plan.fits:
        yield f"The day does not fit: {hours_text(plan.hours.expected)} are expected, {plan.most_hours:g} h are there."
    yield from (line for line in decided_lines(plan) if line.startswith("Held"))
    if not plan.days:
        yield "No change is measured yet: the numbers below rest on what is assumed at the end of this page."


def _in_short(plan: Plan) -> PageSection:
    hours = plan.hours
    pace = f"pace of {days_in_words(hours.sessions)}" if hours.sessions else "as the protocol expects"
    cards = [
        Card(
            "Presentations", count(plan.n_presentations), f"{count(plan.presentations['attacked'])} of attacked images"
        ),
        Card("Hours", hours_text(hours.expected), f"{pace}; {plan.most_hours:g} h are there"),
        Card(
            "Trials broken or ignored",
            percent(hours.broken_fraction),
            f"the protocol expects {percent(hours.expected_broken_fraction)}",
        ),
    ]
    for one in plan.epsilons:
        error = one.means[0].standard_error
        cards.append(
            Card(f"Standard error at ε = {one.epsilon:g}", f"{number(error)} σ", f"size expected: {number(one.size)} σ")
        )
    return PageSection("in-short", "In short", cards=tuple(cards))


def _decided(plan: Plan) -> Iterator[PageSection]:
    rows = tuple(row for row in decided_rows(plan) if row[0] != "Held")
    if rows:
        yield PageSection("decided", "What people decided", tables=(Table(("", ""), rows, "", prose=True),))


def _errors(plan: Plan) -> PageSection:
    sets = [one.image_set for one in plan.epsilons[0].means]
    figure = figures.errors(
        {
            name: [(one.epsilon, own.standard_error) for one in plan.epsilons if (own := one.mean(name))]
            for name in sets
        },
        [[site.standard_error for site in one.sites] for one in plan.epsilons],
        [one.size for one in plan.epsilons],
        [(one.epsilon, one.standard_error) for one in plan.measured if one.image_set == "all"],
    )
    return PageSection(
        "errors",
        "How sure the day will be",
        "Expected standard errors of the paper's estimator, clustered by image as the report's, from the variance of "
        "the changes and of the noise.",
        plates=(
            plate(
                figure,
                "Expected standard error over ε",
                caption="Where the dotted line of the expected size is two or three times above a standard error, the "
                "day will show it. Single sites have few images each.",
                least_width_px=_WIDE_PX,
            ),
        ),
        tables=(_error_table(plan),),
        folded=(("Every site", _site_table(plan)),),
    )


def _error_table(plan: Plan) -> Table:
    measured = {(one.epsilon, one.image_set): one.standard_error for one in plan.measured}
    columns = (
        "",
        "size",
        "SE, all pairs",
        "SE, anchors",
        "SE, fresh",
        "SE, a site (median)",
        "seen from",
        "power at size",
    )
    rows = [
        (
            f"ε = {one.epsilon:g}",
            number(one.size),
            *(number(own.standard_error) if (own := one.mean(name)) else DASH for name in ("all", "anchors", "fresh")),
            number(median_error(one)),
            number(one.smallest_seen),
            percent(one.seen),
            *((number(measured.get((one.epsilon, "all"))),) if plan.measured else ()),
        )
        for one in plan.epsilons
    ]
    pairs = "; ".join(
        f"{own.image_set}: {count(own.n_pairs)} pairs on {count(own.n_images)} images" for own in plan.epsilons[0].means
    )
    return Table(
        (*columns, *(("SE, measured",) if plan.measured else ())),
        tuple(rows),
        f"In σ. {pairs}. Seen from: the size whose 95 % interval excludes zero in four of five experiments. The error "
        f"of σ itself ({percent(plan.sigma_error)} a site) moves all pairs of a site together and is in no standard "
        "error; the power of growth counts it.",
    )


def _site_table(plan: Plan) -> Table:
    sites = plan.epsilons[0].sites
    columns = ("site", "reliability ρ", "images", *(f"ε = {one.epsilon:g}" for one in plan.epsilons))
    rows = []
    for place, site in enumerate(sites):
        cells = [
            f"{number(one.sites[place].size)} ± {number(one.sites[place].standard_error)}" for one in plan.epsilons
        ]
        rows.append((site.site, number(site.reliability), count(site.n_images), *cells))
    return Table(
        columns, tuple(rows), "Expected size ± expected standard error, σ; sizes are drawn towards the mean of all."
    )


def _power(plan: Plan) -> PageSection:
    growth = {one.epsilon: one.growth for one in plan.epsilons if one.growth}
    since = f"day {plan.growth_since}" if plan.growth_since is not None else "one day to another"
    plates = []
    if growth:
        plates.append(
            plate(
                figures.power_over_size(_curves(growth), label="true growth (σ)"),
                f"Power to see growth since {since}"
                if plan.growth_since is not None
                else f"Power to see growth from {since}",
                caption="Dashed: .8. Dotted: .05, what the test says of no growth at all.",
                least_width_px=_WIDE_PX,
            )
        )
    if by_day := {one.epsilon: one.by_day for one in plan.epsilons if one.by_day}:
        plates.append(
            plate(
                figures.power_over_days(by_day),
                "Power over days, should sensitivity grow as in the paper",
                caption=f"{GROWTH:g} times in four days, from the first fitted day's size; all days planned like it.",
                least_width_px=_WIDE_PX,
            )
        )
    return PageSection("power", "What can be told apart", TESTS, plates=tuple(plates), tables=(_power_table(plan),))


def _curves(contrasts: dict[float, Contrast]) -> dict[float, list[tuple[float, float]]]:
    most = 1.5 * max(one.smallest for one in contrasts.values())
    sizes = np.linspace(0, most, _POWER_STEPS).tolist()
    return {epsilon: [(size, one.power_of(size)) for size in sizes] for epsilon, one in contrasts.items()}


def _power_table(plan: Plan) -> Table:
    def power(contrast: Contrast | None, part: float) -> str:
        return percent(contrast.power[part]) if contrast else DASH

    rows = tuple(
        (
            f"ε = {one.epsilon:g}",
            number(one.growth.standard_error if one.growth else None),
            smallest(one.growth),
            *(power(one.growth, part) for part in (0.25, 0.5, 1.0)),
            number(one.conditions.standard_error if one.conditions else None),
            smallest(one.conditions),
            power(one.conditions, 0.5),
        )
        for one in plan.epsilons
    )
    columns = (
        *("", "SE of growth", "growth seen from", "power at + 25 %", "+ 50 %", "+ 100 %"),
        *("SE of two conditions", "difference seen from", "power at 50 %"),
    )
    anchors = next((one.growth.n_pairs for one in plan.epsilons if one.growth), 0)
    return Table(
        columns, rows, f"In σ. Growth on {count(anchors)} anchor pairs; percentages are parts of the expected size."
    )


def _planes(plan: Plan) -> Iterator[PageSection]:
    planes = plan.planes
    if planes is None:
        return
    table = Table(
        ("", "", *(f"power at {bend:g} σ" for bend in planes.power)),
        (
            (
                "bend at the middle of a side",
                f"SE {number(planes.edge_error)} σ, seen from {number(planes.smallest)}",
                *(percent(power) for power in planes.power.values()),
            ),
        ),
        " ".join(plane_lines(plan)),
    )
    yield PageSection("planes", "Planes of images", tables=(table,))


def _ladders(plan: Plan) -> Iterator[PageSection]:
    if not plan.ladders:
        return
    rows = tuple(
        (
            ", ".join(one.names),
            *(
                count(n)
                for n in (one.n_images, one.n_sites, one.n_pairs, one.n_levels, one.n_made, one.n_presentations)
            ),
        )
        for one in plan.ladders
    )
    columns = ("", "images", "sites", "pairs", "levels", "images made", "presentations")
    table = Table(columns, rows, " ".join(ladder_lines(plan)))
    yield PageSection("levels", "Level ladders", tables=(table,))


def _arms(plan: Plan) -> Iterator[PageSection]:
    if not plan.arms:
        return
    rows = tuple(
        (
            f"ε = {one.epsilon:g}",
            count(one.n_pairs),
            number(one.standard_error),
            number(one.smallest),
            percent(one.power),
        )
        for one in plan.arms
    )
    columns = ("", "shared pairs", "SE (σ)", "told from (σ)", "power at a fifth")
    table = Table(columns, rows, " ".join([*arm_lines(plan.arms), *allocation_lines(plan.allocation)]))
    yield PageSection("arms", "Arms beside each other", tables=(table,))


def _cost(plan: Plan) -> PageSection:
    rows = tuple((name, count(n), percent(n / plan.n_presentations)) for name, n in plan.presentations.items())
    table = Table(("", "presentations", "part"), rows, " ".join(cost_lines(plan)))
    return PageSection("cost", "What it costs", tables=(table,))


def _alternatives(plan: Plan, to_amend: str) -> Iterator[PageSection]:
    if plan.fits or not plan.epsilons:
        return
    epsilons = [one.epsilon for one in plan.epsilons]
    how = f" {to_take_one(plan, to_amend)}" if to_amend and any(one.fits for one in plan.alternatives) else ""
    fitting, others = ([one for one in plan.alternatives if one.fits == fits] for fits in (True, False))
    yield PageSection(
        "alternatives",
        f"To fit into {plan.most_hours:g} h",
        "Each of these alone, those with all epsilons first, then the surest; as it is planned the standard errors are "
        + ", ".join(f"{number(one.means[0].standard_error)} at ε = {one.epsilon:g}" for one in plan.epsilons)
        + f".{how}",
        tables=(_alternative_table(fitting, epsilons),),
        folded=(("Not enough alone", _alternative_table(others, epsilons)),) if others else (),
    )


def _alternative_table(alternatives: Sequence[PlannedAlternative], epsilons: Sequence[float]) -> Table:
    rows = tuple(
        (
            one.says,
            count(one.n_presentations),
            hours_text(one.hours).replace(" ", "\xa0"),
            *(number(one.standard_errors.get(epsilon)) for epsilon in epsilons),
            number(one.smallest_growth.get(epsilons[-1])),
            one.costs or DASH,
        )
        for one in alternatives
    )
    columns = (
        "",
        "presentations",
        "hours",
        *(f"SE, ε\xa0=\xa0{epsilon:g}" for epsilon in epsilons),
        "growth seen from",
        "costs",
    )
    return Table(
        columns,
        rows,
        f"In σ over all pairs; growth at ε = {epsilons[-1]:g} on the anchor pairs that both days have.",
        prose=True,
    )


def _rests_on(plan: Plan) -> PageSection:
    lines = (
        [("observed", f"{days_in_words(plan.days)}: noise from the repetitions, spread and size of the changes")]
        if plan.days
        else []
    )
    lines += [("assumed", line) for line in plan.assumptions]
    lines.append(("used", f"{percent(plan.used)} of the presentations count"))
    return PageSection("rests-on", "What this rests on", tables=(Table(("", ""), tuple(lines), "", prose=True),))
