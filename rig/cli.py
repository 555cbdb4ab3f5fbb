"""The `rig` command. Everything heavy is imported inside the commands, so that `rig --help` answers at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from closedloop.errors import BrokenSessionError, OptionError, visible
from closedloop.plain_text.installing import install_command
from closedloop.terminal.command import HELP, Program, run_program
from closedloop.terminal.signals import INTERRUPTED, end_at_once
from closedloop.terminal.streams import say
from rig.commands import calibrate, discriminate, firmware, setup, telling, train
from rig.commands.options import (
    CodeDeviceOption,
    DespiteOption,
    DisplayOption,
    OperatorScreenOption,
    OutOption,
    PanelOption,
    RigOption,
    SessionFolder,
)
from rig.commands.printing import print_table, warn_of

if TYPE_CHECKING:
    from closedloop.artifacts.day.journal import SessionSummary
    from rig.apparatus import Launch
    from rig.machine.state import SessionState
    from rig.stop import StopRequest

_LIBRARIES = ("psychopy", "pyglet", "serial")  # of the extra "rig"

app = typer.Typer(
    name="rig",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,  # plain help: importing the pretty one takes 0.3 s
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rig {version('closedloop')}")
        raise typer.Exit


@app.callback()
def rig(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print name and version")
    ] = False,
) -> None:
    """Show a sealed session to the animal and write a journal of what was shown."""


@app.command()
def check(
    session: SessionFolder,
    display: DisplayOption = "psychopy",
    *,
    rig: RigOption = None,
    out: OutOption = None,
    code_device: CodeDeviceOption = None,  # noqa: ARG001 - refused by its callback
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check whether a session can be shown here. Exit code 1 when something must be corrected first."""
    from rig.apparatus import Launch  # noqa: PLC0415
    from rig.check.printed import closing_line  # noqa: PLC0415
    from rig.check.run import run_checks  # noqa: PLC0415
    from rig.session.folder import refuse_no_session  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    refuse_no_session(session)
    request = StopRequest()
    launch = Launch(session=session, out=_out(session, out), display=display, rig=rig)
    if sys.stderr.isatty() and display != "headless":
        say("Checks the session, the rig and, for ten seconds, the screen ...")
    with stop_on_signals(request):
        findings = run_checks(launch, stop=request)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print_table(findings)
        typer.echo(visible(closing_line(findings)))
    if request.requested:
        raise typer.Exit(INTERRUPTED)
    if any(finding.status == "FAIL" for finding in findings):
        raise typer.Exit(1)


def _out(session: Path, out: Path | None) -> Path:
    from closedloop.storage import resolved  # noqa: PLC0415

    return out if out is not None else resolved(session).parent / "present"


@app.command()
def present(
    session: SessionFolder,
    display: DisplayOption = "psychopy",
    *,
    out: OutOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a session that was stopped")] = False,
    audit_pixels: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="read this many images back from the screen and compare every pixel"),
    ] = 0,
    gaze: Annotated[
        Literal["scripted", "mouse"] | None,
        typer.Option(help="who looks in a simulated session without --rig  [default: scripted]"),
    ] = None,
    rig: RigOption = None,
    despite: DespiteOption = None,
    code_device: CodeDeviceOption = None,  # noqa: ARG001 - refused by its callback
    panel: PanelOption = "auto",
    operator_screen: OperatorScreenOption = None,
) -> None:
    """Show a session and write its journal. Ctrl-C stops at the next frame; --resume continues."""
    from rig.apparatus import Launch, resume_command  # noqa: PLC0415
    from rig.check.table import overridable  # noqa: PLC0415
    from rig.operator.opening import PanelChoice  # noqa: PLC0415

    if gaze is not None and rig is not None:
        raise OptionError(f"--gaze {gaze}: expected no --gaze beside --rig, found both. Set gaze.source in {rig}.")
    launch = Launch(
        session=session,
        out=_out(session, out),
        display=display,
        resume=resume,
        audit_pixels=audit_pixels,
        gaze=gaze or "scripted",
        rig=rig,
        despite=overridable(despite or ()),
        panel=PanelChoice(panel, operator_screen),
    )
    summary, was_complete = _present(launch)
    say(visible(_sentence(summary, was_complete)))  # a closed terminal hears nothing: that is no error
    if summary.outcome == "complete":
        say(visible(f"Bring back all files of {launch.out} (journal, summary, gaze), and the recorder's files."))
    if summary.outcome == "stopped":
        say(visible(f"If it ends here: bring all files of {launch.out}; closedloop close-day takes the short day."))
        say(f"Resume with: {resume_command(launch)}")
        raise typer.Exit(INTERRUPTED)


def _present(launch: Launch) -> tuple[SessionSummary, bool]:
    from rig.apparatus import resume_command  # noqa: PLC0415
    from rig.launch import run_launch  # noqa: PLC0415
    from rig.session.foreign import JOURNAL_NAME  # noqa: PLC0415

    with _running(launch) as (settled, request, on_trial):
        try:
            return run_launch(settled, stop=request, on_trial=on_trial, on_findings=warn_of)
        except BrokenSessionError as error:
            said = str(error).removesuffix(".")
            raise BrokenSessionError(f"{said}. Then go on: {resume_command(settled)}") from error
        except KeyboardInterrupt:
            if (settled.out / JOURNAL_NAME).exists():
                say(f"Resume with: {resume_command(settled)}")
            raise


@contextmanager
def _running(launch: Launch) -> Iterator[tuple[Launch, StopRequest, Callable[[SessionState, float], None]]]:
    """Settle what the operator watches, and turn signals into a stop while the block runs."""
    from closedloop.artifacts.day.session import SessionDocument  # noqa: PLC0415
    from closedloop.artifacts.rig.description import read_rig  # noqa: PLC0415
    from rig.operator.opening import settle_panel  # noqa: PLC0415
    from rig.progress_bar import session_progress  # noqa: PLC0415
    from rig.session.folder import SESSION_NAME, refuse_no_session  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    request = StopRequest()
    refuse_no_session(launch.session)
    document = SessionDocument.read(launch.session / SESSION_NAME)
    described = read_rig(launch.rig)[0] if launch.rig is not None else None
    panel = settle_panel(launch.panel, launch.display, document.screen, described)
    launch = replace(launch, panel=panel)
    with (
        stop_on_signals(request),
        session_progress(document.n_presentations, quiet=panel.kind == "terminal") as on_trial,
    ):
        yield launch, request, on_trial


@app.command()
def rehearse(
    session: SessionFolder,
    *,
    rig: RigOption = None,
    minutes: Annotated[float, typer.Option(min=0.05, max=1440, metavar="N", help="how long")] = 10.0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="a new folder for journal and report  [default: SESSION/../rehearsal]"),
    ] = None,
    despite: DespiteOption = None,
    panel: PanelOption = "auto",
    operator_screen: OperatorScreenOption = None,
) -> None:
    """Rehearse a session on the real display, without an animal. Reports how well it kept time; never data."""
    from rig.apparatus import Launch  # noqa: PLC0415
    from rig.check.table import overridable  # noqa: PLC0415
    from rig.operator.opening import PanelChoice  # noqa: PLC0415
    from rig.rehearsal.rehearse import free_folder, rehearse, result_lines  # noqa: PLC0415

    launch = Launch(
        session=session,
        out=out if out is not None else free_folder(session),
        display="psychopy",
        rig=rig,
        despite=overridable(despite or ()),
        panel=PanelChoice(panel, operator_screen),
    )
    with _running(launch) as (settled, request, on_trial):
        done = rehearse(settled, minutes=minutes, stop=request, on_trial=on_trial, on_findings=warn_of)
    for line in result_lines(done, _sentence(done.summary, False)):
        say(visible(line))
    if done.summary.outcome == "stopped" and not done.is_cut:
        raise typer.Exit(INTERRUPTED)


def _sentence(summary: SessionSummary, was_complete: bool) -> str:
    rejected = ", ".join(f"{n} {reason}" for reason, n in summary.n_rejected.items()) or "none"
    start = "already complete" if was_complete else summary.outcome
    return (
        f"{summary.session_id}: {start}: {summary.n_accepted} accepted, rejected: {rejected}, "
        f"{summary.n_remaining} left, {summary.duration_s / 60:.1f} min of session"
    )


app.command()(train.train)
app.command()(discriminate.discriminate)
app.command()(telling.tell)
app.command()(setup.init)
app.command()(setup.devices)
app.add_typer(firmware.app)
app.add_typer(calibrate.app)


def main() -> None:
    """Run the command; an error, whosever it is, is one line, and the exit code says of what kind."""
    end_at_once()
    run_program(Program("rig", app, install=dict.fromkeys(_LIBRARIES, install_command("rig"))))


if __name__ == "__main__":
    main()
