"""The `rig` command. Everything heavy is imported inside the commands, so that `rig --help` answers at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import printed
from closedloop.terminal.command import HELP, Program, run_program
from closedloop.terminal.signals import INTERRUPTED, end_at_once

if TYPE_CHECKING:
    from closedloop.artifacts.day.journal import SessionSummary
    from rig.apparatus import Launch
    from rig.machine.state import SessionState
    from rig.stop import StopRequest

_LIBRARIES = ("psychopy", "pyglet", "PIL", "serial")  # of the extra "rig"

app = typer.Typer(
    name="rig",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,  # plain help: importing the pretty one takes 0.3 s
    pretty_exceptions_enable=False,
)

SessionFolder = Annotated[
    Path, typer.Argument(metavar="SESSION", help="session folder, as the schedule stage wrote it")
]
DisplayOption = Annotated[
    Literal["psychopy", "headless"], typer.Option(help="a PsychoPy window, or no screen and a virtual clock")
]

OutOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="where the journal goes  [default: SESSION/../present]")
]
CodeDeviceOption = Annotated[
    str | None, typer.Option(metavar="DEVICE", help="parallel or serial port for digital codes, such as /dev/parport0")
]

PanelOption = Annotated[
    Literal["auto", "window", "terminal", "none"],
    typer.Option(
        help="what the operator watches: a window on a screen of its own, a page in this terminal, or a line now and "
        "then; auto is the first that there is"
    ),
]
OperatorScreenOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="the screen of the operator's window, counted from 0")
]


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
    out: OutOption = None,
    code_device: CodeDeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check whether a session can be shown here. Exit code 1 when something must be corrected first."""
    from rig.check import run_checks  # noqa: PLC0415
    from rig.session.folder import refuse_no_session  # noqa: PLC0415

    refuse_no_session(session)
    findings = run_checks(session, display=display, out=_out(session, out), code_device=code_device)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(visible(f"{finding.status}  {finding.name}: {finding.found}"))
            if finding.fix:
                typer.echo(visible(f"      fix: {finding.fix}"))
    if any(finding.status == "FAIL" for finding in findings):
        raise typer.Exit(1)


def _out(session: Path, out: Path | None) -> Path:
    return out if out is not None else session.resolve().parent / "present"


@app.command()
def present(
    session: SessionFolder,
    display: DisplayOption = "psychopy",
    *,
    out: OutOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue an existing journal")] = False,
    audit_pixels: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="read this many images back from the screen and compare every pixel"),
    ] = 0,
    gaze: Annotated[
        Literal["scripted", "mouse"],
        typer.Option(help="the scripted monkey of a simulated session, or the mouse for a demonstration"),
    ] = "scripted",
    code_device: CodeDeviceOption = None,
    panel: PanelOption = "auto",
    operator_screen: OperatorScreenOption = None,
) -> None:
    """Show a session and write its journal. Ctrl-C stops at the next frame; --resume continues."""
    from rig.apparatus import Launch  # noqa: PLC0415
    from rig.launch import resume_command  # noqa: PLC0415
    from rig.operator.opening import PanelChoice  # noqa: PLC0415

    launch = Launch(
        session=session,
        out=_out(session, out),
        display=display,
        resume=resume,
        audit_pixels=audit_pixels,
        gaze=gaze,
        code_device=code_device,
        panel=PanelChoice(panel, operator_screen),
    )
    summary, was_complete = _present(launch)
    typer.echo(_sentence(summary, was_complete), err=True)
    if summary.outcome == "stopped":
        typer.echo(f"Resume with: {resume_command(launch)}", err=True)
        raise typer.Exit(INTERRUPTED)


def _present(launch: Launch) -> tuple[SessionSummary, bool]:
    from rig.launch import run_launch  # noqa: PLC0415

    with _running(launch) as (settled, request, on_trial):
        return run_launch(settled, stop=request, on_trial=on_trial)


@contextmanager
def _running(launch: Launch) -> Iterator[tuple[Launch, StopRequest, Callable[[SessionState, float], None]]]:
    """Settle what the operator watches, and turn signals into a stop while the block runs."""
    from closedloop.artifacts.day.session import SessionDocument  # noqa: PLC0415
    from rig.operator.opening import settle_panel  # noqa: PLC0415
    from rig.progress_bar import session_progress  # noqa: PLC0415
    from rig.session.folder import SESSION_NAME, refuse_no_session  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    request = StopRequest()
    refuse_no_session(launch.session)
    document = SessionDocument.read(launch.session / SESSION_NAME)
    launch = replace(launch, panel=settle_panel(launch.panel, launch.display, document.screen.screen))
    has_page = launch.panel.kind == "terminal"
    with stop_on_signals(request), session_progress(document.n_presentations, quiet=has_page) as on_trial:
        yield launch, request, on_trial


@app.command()
def rehearse(
    session: SessionFolder,
    *,
    rig_file: Annotated[
        Path | None, typer.Option("--rig", metavar="FILE", help="the rig's description, rig.yaml")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.05, max=1440, metavar="N", help="how long")] = 10.0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="a new folder for journal and report  [default: SESSION/../rehearsal]"),
    ] = None,
    code_device: CodeDeviceOption = None,
    panel: PanelOption = "auto",
    operator_screen: OperatorScreenOption = None,
) -> None:
    """Show a session to a scripted monkey on the rig's own display, and report how well it kept time. Never data."""
    from rig.apparatus import Launch  # noqa: PLC0415
    from rig.operator.opening import PanelChoice  # noqa: PLC0415
    from rig.rehearsal.rehearse import free_folder, rehearse  # noqa: PLC0415

    screen = operator_screen if rig_file is None or operator_screen is not None else _operator_screen(rig_file)
    launch = Launch(
        session=session,
        out=out if out is not None else free_folder(session),
        display="psychopy",
        code_device=code_device,
        panel=PanelChoice(panel, screen),
    )
    with _running(launch) as (settled, request, on_trial):
        done = rehearse(settled, minutes=minutes, stop=request, on_trial=on_trial)
    typer.echo(f"REHEARSAL of {_sentence(done.summary, False)}", err=True)
    typer.echo(visible(f"Timing report: {done.report}"), err=True)
    if done.summary.outcome == "stopped" and not done.is_cut:
        raise typer.Exit(INTERRUPTED)


def _operator_screen(rig_file: Path) -> int | None:
    from closedloop.artifacts.rig.description import read_rig  # noqa: PLC0415

    described, _ = read_rig(rig_file)
    return described.operator_screen.screen if described.operator_screen is not None else None


@app.command()
def tell(
    session: SessionFolder,
    what: Annotated[
        Literal["status", "pause", "continue", "reward", "skip", "recalibrate", "quit"],
        typer.Argument(metavar="WHAT", help="status, pause, continue, reward, skip, recalibrate or quit"),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="where its journal goes, if several rigs show this session at once"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Ask the rig at work on a session for something, from another terminal. Exit code 1 if it was not done."""
    from rig.operator.tell import ask_status, status_json, status_lines, tell  # noqa: PLC0415

    if what == "status":
        state = ask_status(session, out)
        typer.echo(status_json(state) if as_json else printed(status_lines(state)))
        return
    told = tell(session, out, what)
    if as_json:
        typer.echo(json.dumps(asdict(told)))
    else:
        typer.echo(visible(f"{what}: {told.words}"))
    if told.outcome != "done":
        raise typer.Exit(1)


def _sentence(summary: SessionSummary, was_complete: bool) -> str:
    rejected = ", ".join(f"{n} {reason}" for reason, n in summary.n_rejected.items()) or "none"
    start = "already complete" if was_complete else summary.outcome
    return (
        f"{summary.session_id}: {start}: {summary.n_accepted} accepted, rejected: {rejected}, "
        f"{summary.n_remaining} left, {summary.duration_s / 60:.1f} min of session"
    )


def main() -> None:
    """Run the command; an error, whosever it is, is one line, and the exit code says of what kind."""
    end_at_once()
    run_program(Program("rig", app, install=dict.fromkeys(_LIBRARIES, "pip install 'closedloop[rig]'")))


if __name__ == "__main__":
    main()
