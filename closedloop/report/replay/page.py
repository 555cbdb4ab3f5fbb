"""The page of a replay: what differs from what is published, by stage, and the numbers that other settings give."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closedloop.artifacts.records.replay import NOT_COMPARED, Replay, ReplayedStage, WhatIfCell, WhatIfRow
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import count

_SENSITIVITY = "sensitivity, epsilon "
_NO_SETTINGS = "as published"


def replay_page(found: Replay, *, subject: str, command: str) -> bytes:
    """Return the page of a replay, one file of HTML.

    Parameters
    ----------
    found
        What was found.
    subject
        The study's.
    command
        What makes it again.
    """
    with drawing.style():
        sections = [*_what_ifs(found)] if found.columns else [_stages(found), *_differences(found)]
    return render(
        Page(
            title=f"{subject}: {'other settings' if found.columns else 'made again'}",
            subtitle="Past days beside what the study publishes of them; the study itself was only read. "
            f"{NOT_COMPARED}",
            facts=(
                ("Study", found.study_id),
                ("Days", ", ".join(map(str, found.days))),
                ("Made by", f"closedloop {found.code_version}"),
            ),
            command=command,
            simulated=found.simulated,
            notices=tuple(
                f"{one.path} is not what its manifest promises: {one.found}. It was used as it is."
                for one in found.changed
            ),
            links=(),
            sections=tuple(sections),
        )
    )


def _stages(found: Replay) -> PageSection:
    n_other = sum(not stage.is_same for stage in found.replayed)
    return PageSection(
        anchor="stages",
        heading="Stages",
        cards=(
            Card("made again", count(len(found.replayed)), f"stages of {len(found.days)} days"),
            Card("differ", count(n_other), "from what is published"),
        ),
        tables=(
            Table(
                columns=("", "differs", "follows from", "published by"),
                rows=tuple(_stage_row(stage) for stage in found.replayed),
                caption="A stage that differs and follows from nothing was made from the same files: the program, or "
                "the processor, makes it otherwise now.",
                prose=True,
            ),
        ),
    )


def _stage_row(stage: ReplayedStage) -> tuple[str, ...]:
    if stage.refused:
        said = f"not made: {stage.refused}"
    elif stage.edited:
        said = f"changed since it was published: {', '.join(stage.edited)}"
    else:
        said = f"{count(len(stage.differences))} kinds of values" if stage.differences else "no"
    origins = ", ".join(stage.follows_from[:3]) + (" ..." if len(stage.follows_from) > 3 else "")
    return (_name(stage), said, origins if not stage.is_same else "", stage.published_by)


def _differences(found: Replay) -> Iterator[PageSection]:
    differing = [stage for stage in found.replayed if stage.differences]
    if differing:
        yield PageSection(
            anchor="values",
            heading="Values that differ",
            folded=tuple((_name(stage), _values(stage)) for stage in differing),
        )


def _values(stage: ReplayedStage) -> Table:
    return Table(
        columns=("", "differ", "of", "largest difference", "relative", "first of them"),
        rows=tuple(
            (
                f"{one.file} {one.place}".strip(),
                count(one.n_different),
                count(one.n_compared),
                "" if one.largest_absolute is None else f"{one.largest_absolute:.4g}",
                "" if one.largest_relative is None else f"{one.largest_relative:.2%}",
                one.example,
            )
            for one in stage.differences
        ),
        caption="Relative to the larger one of the two values.",
        prose=True,
    )


def _name(stage: ReplayedStage) -> str:
    return f"{stage.session.said} {stage.stage}"


def _what_ifs(found: Replay) -> Iterator[PageSection]:
    names = (_NO_SETTINGS, *(column.name for column in found.columns))
    for day in found.days:
        rows = [row for row in found.rows if row.day == day]
        refused = [f"{one.column} was not made: {one.why}" for one in found.refusals if one.day == day]
        yield PageSection(
            anchor=f"day-{day}",
            heading=f"Day {day}",
            intro=" ".join(refused),
            plates=_plates(rows, names),
            tables=(
                Table(
                    columns=("", *names),
                    rows=tuple((_measure(row), *(_cell(cell) for cell in (row.published, *row.cells))) for row in rows),
                    caption="Sensitivity in σ, mean ± SE, on the anchor images where the study has them. Later days "
                    "keep the sites of day 0, for which the signs were sealed; day 0 chooses its own.",
                ),
            ),
        )


def _measure(row: WhatIfRow) -> str:
    return f"{row.measure}, {row.unit}" if row.unit else row.measure


def _cell(cell: WhatIfCell) -> str:
    if cell.value is None:
        return "–"
    if cell.standard_error is not None:
        return f"{cell.value:.3f} ± {cell.standard_error:.3f}"
    return f"{cell.value:,.0f}" if float(cell.value).is_integer() else f"{cell.value:.3f}"


def _plates(rows: list[WhatIfRow], names: tuple[str, ...]) -> tuple[Plate, ...]:
    own = [row for row in rows if row.measure.startswith(_SENSITIVITY)]
    if not own:
        return ()
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes: Axes = figure.subplots()
    for place, name in enumerate(names):
        cells = [(row.published, *row.cells)[place] for row in own]
        known = [(x, cell.value, cell.standard_error or 0.0) for x, cell in enumerate(cells) if cell.value is not None]
        if known:
            x, y, error = zip(*known, strict=True)
            apart = 0.12 * (place - (len(names) - 1) / 2)
            axes.errorbar([at + apart for at in x], y, yerr=error, fmt="o", capsize=2, label=name)
    axes.set_xticks(range(len(own)), [row.measure.removeprefix(_SENSITIVITY) for row in own])
    axes.set_xlabel("epsilon")
    axes.set_ylabel("sensitivity, σ")
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.legend(loc="upper left")
    caption = "Measured sensitivity, mean ± SE over image and site pairs, as published and with each set of settings."
    return (plate(figure, "Sensitivity", caption=caption),)
