"""The `rig` command. Everything heavy is imported inside the commands, so that `rig --help` answers at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import command_line
from closedloop.terminal.command import HELP, Program, run_program
from closedloop.terminal.signals import INTERRUPTED, end_at_once

if TYPE_CHECKING:
    from closedloop.artifacts.day.journal import SessionSummary
    from rig.apparatus import Launch

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
    from closedloop.storage import resolved  # noqa: PLC0415

    return out if out is not None else resolved(session).parent / "present"


@app.command()
def present(
    session: SessionFolder,
    display: DisplayOption = "psychopy",
    *,
    out: OutOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue an existing journal")] = False,
    audit_pixels: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="read this many images back from the screen buffer and compare every pixel"
        ),
    ] = 0,
    gaze: Annotated[
        Literal["scripted", "mouse"],
        typer.Option(help="the scripted monkey of a simulated session, or the mouse for a demonstration"),
    ] = "scripted",
    code_device: CodeDeviceOption = None,
) -> None:
    """Show a session and write its journal. Ctrl-C stops at the next frame; --resume continues."""
    from rig.apparatus import Launch  # noqa: PLC0415

    launch = Launch(
        session=session,
        out=_out(session, out),
        display=display,
        resume=resume,
        audit_pixels=audit_pixels,
        gaze=gaze,
        code_device=code_device,
    )
    summary, was_complete = _present(launch)
    typer.echo(_sentence(summary, was_complete), err=True)
    if summary.outcome == "stopped":
        typer.echo(f"Resume with: {resume_command(launch)}", err=True)
        raise typer.Exit(INTERRUPTED)


def resume_command(launch: Launch) -> str:
    """Return the command line that continues a launch, with the operator's choices."""
    words: list[str | Path] = ["rig", "present", launch.session, "--display", launch.display]
    words += ["--out", launch.out, "--resume"]
    if launch.audit_pixels:
        words += ["--audit-pixels", str(launch.audit_pixels)]
    if launch.gaze != "scripted":
        words += ["--gaze", launch.gaze]
    if launch.code_device is not None:
        words += ["--code-device", launch.code_device]
    return command_line(*words)


def _present(launch: Launch) -> tuple[SessionSummary, bool]:
    from closedloop.artifacts.day.session import SessionDocument  # noqa: PLC0415
    from rig.launch import run_launch  # noqa: PLC0415
    from rig.progress_bar import session_progress  # noqa: PLC0415
    from rig.session.folder import SESSION_NAME, refuse_no_session  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    request = StopRequest()
    refuse_no_session(launch.session)
    n_planned = SessionDocument.read(launch.session / SESSION_NAME).n_presentations
    with stop_on_signals(request), session_progress(n_planned) as on_trial:
        return run_launch(launch, stop=request, on_trial=on_trial)


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
