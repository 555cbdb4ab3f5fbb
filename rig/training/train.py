"""One run of a training: finds the day or makes one, presents it as any session is presented, and draws the page."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.training import TrainingDay, TrainingSettings
from closedloop.errors import BrokenSessionError, ClosedLoopError, OptionError, SessionError
from closedloop.storage import remove_folder, resolved, sha256_bytes, write_bytes
from closedloop.terminal.streams import say
from rig.apparatus import Launch
from rig.check.findings import Finding
from rig.display.display import DisplayName
from rig.launch import present_session
from rig.machine.apparatus import Apparatus
from rig.machine.state import SessionState
from rig.operator.opening import NO_PANEL, PanelChoice, settle_panel
from rig.session.folder import open_session
from rig.session.hold import SCREEN_PATIENCE_S, hold, new_holder
from rig.stop import TIME_IS_OVER, StopRequest
from rig.training.course import TaughtCourse
from rig.training.day import make_day
from rig.training.folder import (
    PAGE_NAME,
    DayFolder,
    day_to_go_on,
    new_day,
    new_name,
    read_day,
    read_days,
    refuse_lost_days,
    refuse_other_kind,
    settle_settings,
    sweep_training,
    written_settings,
)
from rig.training.monkey import LearningGaze
from rig.training.page import progress_page
from rig.training.progress import TaughtDay, count_day

_SHOWN = 12  # digits of a hash
DOTS = "dots"


@dataclass(frozen=True)
class TrainingRun:
    """What the operator chose for one run of a training.

    Attributes
    ----------
    folder
        Of the training.
    subject
        The animal in the chair; None: whoever the folder is of.
    display
        Where it is shown.
    rig
        The rig's description; an animal needs one.
    shown
        A folder of pictures, or "dots"; None: what training.yaml says.
    minutes
        After which it ends; None: when somebody ends it.
    simulated
        Whether a simulated animal is taught.
    despite, panel
        As for a session.
    again
        The command line that goes on with it.
    today
        The date, local.
    """

    folder: Path
    subject: str | None = None
    display: DisplayName = "psychopy"
    rig: Path | None = None
    shown: str | None = None
    minutes: float | None = None
    simulated: bool = False
    despite: tuple[str, ...] = ()
    panel: PanelChoice = NO_PANEL
    again: str = ""
    today: datetime.date = field(default_factory=datetime.date.today)


@dataclass(frozen=True)
class TrainingDone:
    """A run that ended.

    Attributes
    ----------
    day
        The day in numbers, with what other runs of it did.
    page
        Where the progress over all days is drawn.
    was_asked
        Whether a signal ended it: neither its minutes nor the operator's `quit`.
    """

    day: TaughtDay
    page: Path
    was_asked: bool


OnTrial = Callable[[TaughtCourse], None]


def train(
    run: TrainingRun, *, stop: StopRequest, on_trial: OnTrial, on_findings: Callable[[Sequence[Finding]], None]
) -> TrainingDone:
    """Teach for a while: today's day where the rig was killed in it, else a new one.

    Parameters
    ----------
    run
        What the operator chose.
    stop
        Where a stop is asked for.
    on_trial
        Called after each trial with what the next one asks for.
    on_findings
        Called with what the checks found, when nothing of it stands against the training.

    Raises
    ------
    ClosedLoopError
        Folder, settings, display, hardware or disk are not fit, or another rig is at work on it.
    """
    rig = _read_rig(run)
    settings = _settings_of(run)
    with ExitStack() as stack:
        name = f"training {settings.subject} ({sha256_bytes(str(resolved(run.folder)).encode())[:_SHOWN]})"
        stack.enter_context(hold(name, new_holder(settings.subject, run.folder), patience_s=SCREEN_PATIENCE_S))
        refuse_lost_days(run.folder)
        days = read_days(run.folder)
        refuse_other_kind(days, subject=settings.subject, simulated=run.simulated)
        stack.enter_context(written_settings(run.folder, settings.subject))
        sweep_training(run.folder)
        draw_page(run.folder, days)  # a run that was killed left it as it was before
        day = _settle_day(run, days, settings, rig)
        others = [one for one in days if one.path != day.path]
        try:
            was_asked = _present(run, day, rig, stop=stop, on_trial=on_trial, on_findings=on_findings)
        except BaseException:
            with suppress(ClosedLoopError):  # what went wrong first is what the operator is told
                if (day.path / catalog.JOURNAL.name).exists():
                    _leave(run.folder, others, day.path)
                else:  # refused: nothing was shown, nothing is left
                    remove_folder(day.path)
            raise
        return TrainingDone(_leave(run.folder, others, day.path), run.folder / PAGE_NAME, was_asked)


def _leave(folder: Path, others: Sequence[DayFolder], path: Path) -> TaughtDay:
    """Draw the page with the day that was just taught, and return that."""
    day = read_day(path)
    draw_page(folder, [*others, day])
    return count_day(day)


def draw_page(folder: Path, days: Sequence[DayFolder]) -> None:
    """Draw the progress over all days."""
    counted = [count_day(day) for day in days if day.journal is not None]
    if counted:
        write_bytes(folder / PAGE_NAME, progress_page(counted).encode())


def _read_rig(run: TrainingRun) -> RigDocument | None:
    rig = read_rig(run.rig)[0] if run.rig is not None else None
    if run.simulated:
        return rig
    if rig is None:
        raise OptionError(
            "--rig: expected the rig's description to teach an animal, found none. Pass --rig FILE (`rig init` writes "
            "one), or --simulated to try it without an animal."
        )
    if run.display == "headless":
        raise OptionError(
            "--display headless: expected a screen to teach an animal, found none. Leave --display out, or pass "
            "--simulated."
        )
    if rig.gaze.source in ("none", "scripted"):
        raise SessionError(
            f"{run.rig}: expected an eye tracker to teach an animal to fixate, found gaze.source {rig.gaze.source}. "
            "Set it to a tracker; `rig devices` lists what is there."
        )
    return rig


def _settings_of(run: TrainingRun) -> TrainingSettings:
    settings = settle_settings(run.folder, run.subject)
    if run.shown is not None:
        settings = settings.model_copy(update={"shown": "dots" if run.shown == DOTS else "images"})
    elif settings.shown == "images":
        raise OptionError(
            "--images: expected the folder of the pictures that training.yaml asks for (shown: images), found none. "
            "Pass --images FOLDER."
        )
    return settings


def _settle_day(
    run: TrainingRun, days: list[DayFolder], settings: TrainingSettings, rig: RigDocument | None
) -> DayFolder:
    begun = [day for day in days if day.journal is not None]
    old = day_to_go_on(begun, run.today)
    if old is not None:
        say(f"{old.path.name}: the last run ended without a word; the day goes on after its last trial.")
        return old
    pictures = Path(run.shown) if run.shown not in (None, DOTS) else None
    day: TrainingDay = new_day(begun, settings, rig, today=run.today, simulated=run.simulated, pictures=pictures)
    path = run.folder / new_name(begun, run.today)
    make_day(path, day, rig)
    return read_day(path)


def _present(
    run: TrainingRun,
    day: DayFolder,
    rig: RigDocument | None,
    *,
    stop: StopRequest,
    on_trial: OnTrial,
    on_findings: Callable[[Sequence[Finding]], None],
) -> bool:
    """Show the day, and return whether a signal ended it."""
    session = open_session(day.session)
    course = TaughtCourse(day.day, session.document.trial)
    panel = settle_panel(run.panel, run.display, session.document.screen, rig)
    began_s, is_over = 0.0, False

    def watch(apparatus: Apparatus) -> Apparatus:
        nonlocal began_s
        began_s = apparatus.display.now_s()
        if not day.day.simulated:
            return apparatus
        return replace(apparatus, gaze=LearningGaze(course, seed=session.document.seed))

    def after_trial(state: SessionState, now_s: float) -> None:
        nonlocal is_over
        if panel.kind != "terminal":  # whose page says it all
            on_trial(course)
        worked_s = now_s - began_s - state.paused_s
        if run.minutes is not None and worked_s >= 60.0 * run.minutes and not stop.requested:
            is_over = True
            stop.ask(TIME_IS_OVER)

    launch = Launch(
        session=day.session,
        out=day.path,
        display=run.display,
        resume=day.journal is not None,
        rig=run.rig,
        despite=run.despite,
        panel=panel,
        is_training=True,
        again=run.again,
    )
    try:
        present_session(
            session, launch, stop=stop, on_trial=after_trial, on_findings=on_findings, watch=watch, course=course
        )
    except BrokenSessionError as error:
        said = str(error).removesuffix(".")
        raise BrokenSessionError(f"{said}. Then go on: {run.again}") from error
    return stop.requested and not is_over
