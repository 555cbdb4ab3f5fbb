"""`rig firmware`: the microcontroller's program on the bench."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from closedloop.errors import visible
from closedloop.terminal.command import HELP

app = typer.Typer(
    name="firmware",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,
    help="Try the microcontroller that gives reward and strobes codes.",
)


@app.callback()
def firmware() -> None:
    """Try the microcontroller that gives reward and strobes codes."""


@app.command("test")
def try_port(
    port: Annotated[str, typer.Argument(metavar="PORT", help="where it is, such as /dev/ttyACM0 or COM3")],
    *,
    open_valve: Annotated[
        bool, typer.Option("--open-valve", help="open the valve without asking: nobody drinks from it")
    ] = False,
) -> None:
    """Try it on the bench. Asks before it opens the valve, and what you saw; exit code 1 if something failed."""
    from rig.bench.firmware import FirmwareBench, try_all  # noqa: PLC0415
    from rig.check.printed import table_lines  # noqa: PLC0415
    from rig.ports.microcontroller.device import AnswerTimes, Microcontroller  # noqa: PLC0415

    is_asked = sys.stdin.isatty() and sys.stderr.isatty()

    def ask(question: str) -> bool | None:
        return bool(typer.confirm(question, err=True)) if is_asked else None

    def may_open() -> bool:
        if open_valve:
            return True
        return bool(ask("The valve is opened now, the longest time for a second. Is it out of the animal's reach?"))

    bench = FirmwareBench(Microcontroller(port, patience=AnswerTimes(first_s=10.0, answer_s=2.0)), ask)
    try:
        findings = list(try_all(bench, may_open=may_open))
    finally:
        bench.close()
    for _, line in table_lines(findings):
        typer.echo(visible(line))
    n_failed = sum(one.status == "FAIL" for one in findings)
    n_untold = sum(one.status == "WARN" for one in findings)
    typer.echo(f"{n_failed} FAIL, {n_untold} WARN, {len(findings) - n_failed - n_untold} PASS.")
    if n_failed:
        raise typer.Exit(1)
