"""What a command prints of the checks: PASS, WARN and FAIL in colours on a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from closedloop.errors import visible

if TYPE_CHECKING:
    from rig.check.findings import Finding

_COLOURS = {"PASS": typer.colors.GREEN, "WARN": typer.colors.YELLOW, "FAIL": typer.colors.RED}


def print_table(findings: Sequence[Finding], *, err: bool = False) -> None:
    """Print what the checks found, a line or two each.

    Parameters
    ----------
    findings
        In their order.
    err
        On standard error instead.
    """
    from rig.check.printed import table_lines  # noqa: PLC0415

    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    for status, line in table_lines(findings, width=width):
        shown = visible(line)
        if shown.startswith(status):
            shown = typer.style(status, fg=_COLOURS[status], bold=True) + shown.removeprefix(status)
        typer.echo(shown, err=err)


def warn_of(findings: Sequence[Finding]) -> None:
    """Say what is for the operator to judge, and what the operator overrode."""
    print_table([finding for finding in findings if finding.status != "PASS"], err=True)
