"""`rig train`: teach an animal to fixate before its first experiment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import command_line, number_text
from closedloop.terminal.signals import INTERRUPTED
from closedloop.terminal.streams import say
from rig.commands.options import DespiteOption, DisplayOption, OperatorScreenOption, PanelOption, RigOption
from rig.commands.printing import warn_of

if TYPE_CHECKING:
    from rig.training.course import TaughtCourse
    from rig.training.progress import TaughtDay

_QUIET_S = 10.0  # between lines of progress


def train(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="the training's folder, a new one for a new animal; it grows by days"),
    ],
    display: DisplayOption = "psychopy",
    *,
    rig: RigOption = None,
    subject: Annotated[
        str | None, typer.Option(metavar="NAME", help="the animal in the chair; a new training needs it")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="pictures to show after the hold, or 'dots'  [default: as training.yaml says: nothing]",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, max=1440, metavar="N", help="how long  [default: until you end it]")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="teach a script that learns, without an animal, to try it")
    ] = False,
    despite: DespiteOption = None,
    panel: PanelOption = "auto",
    operator_screen: OperatorScreenOption = None,
) -> None:
    """Teach an animal to fixate, before any study. The hold grows, the window shrinks; Ctrl-C or `rig tell` ends it."""
    from rig.check.table import overridable  # noqa: PLC0415
    from rig.operator.opening import PanelChoice  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415
    from rig.training.train import TrainingRun, train  # noqa: PLC0415

    words: list[str | Path] = ["rig", "train", folder]
    words += ["--display", display] if display != "psychopy" else []
    words += ["--rig", rig] if rig is not None else []
    words += ["--images", images] if images is not None else []
    words += ["--minutes", number_text(minutes)] if minutes is not None else []
    words += ["--simulated"] if simulated else []
    for name in despite or ():
        words += ["--despite", name]
    words += ["--panel", panel] if panel != "auto" else []
    run = TrainingRun(
        folder=folder,
        subject=subject,
        display=display,
        rig=rig,
        shown=images,
        minutes=minutes,
        simulated=simulated,
        despite=overridable(despite or ()),
        panel=PanelChoice(panel, operator_screen),
        again=command_line(*words),
    )
    request = StopRequest()
    with stop_on_signals(request):
        done = train(run, stop=request, on_trial=_line_now_and_then(), on_findings=warn_of)
    say(visible(_sentence(done.day)))
    say(visible(f"Progress over days: {done.page}. The next run goes on with: {run.again}"))
    if done.was_asked:
        raise typer.Exit(INTERRUPTED)


def _line_now_and_then() -> Callable[[TaughtCourse], None]:
    last_s = time.monotonic()

    def line(course: TaughtCourse) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _QUIET_S:
            last_s = time.monotonic()
            level = course.level
            say(
                f"{course.n_completed:,} trials completed in this run, hold {level.hold_ms:.0f} ms, "
                f"window {level.window_deg:.2f} deg"
            )

    return line


def _sentence(day: TaughtDay) -> str:
    counts = day.counts
    return (
        f"TRAINING of {day.subject}, {day.name}: hold {day.end.hold_ms:.0f} ms, window {day.end.window_deg:.2f} deg; "
        f"{counts['completed']} completed, {counts['broken']} broken, {counts['ignored']} ignored; reward "
        f"{day.reward_ms / 1000:.1f} s, {day.minutes:.1f} min"
    )
