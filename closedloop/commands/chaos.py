"""`closedloop dry-run --chaos`: a simulated study to which things go wrong on purpose, told on a terminal."""

from __future__ import annotations

from pathlib import Path

import typer

from closedloop.artifacts.records.chaos import Chaos
from closedloop.commands.days import count
from closedloop.commands.interrupts import interruptible
from closedloop.errors import OptionError, visible
from closedloop.plain_text.printed import command_line, printed
from closedloop.storage import resolved
from closedloop.study.chaos.run import CHAOS_PAGE, ChaosRequest, run_chaos
from closedloop.study.create import Request
from closedloop.terminal.signals import end_if_asked

NOT_WELL = 5
"""Exit code where an event was not answered, or a difference is not explained."""


def run_chaos_study(request: Request, *, seed: int, workers: str | None) -> None:
    """Run a study with what a seed draws, and the same one without, and print what came of it.

    Parameters
    ----------
    request
        The study; its folder is to hold both.
    seed
        Of what goes wrong.
    workers
        As `--workers` was given: none can be, since loops are killed.

    Raises
    ------
    OptionError
        Something was given that it does not take.
    ClosedLoopError
        Something that the user can repair.
    typer.Exit
        Something was not answered, or is not explained: code 5; or interrupted: code 130.
    """
    for option, value in (("--days", request.days), ("--workers", workers)):
        if value is not None:
            raise OptionError(
                f"{option}: expected it without --chaos, found both: a disturbed study runs all of its protocol's days "
                "on this machine. Leave one of them out."
            )
    asked = ChaosRequest(
        root=resolved(request.root),
        seed=seed,
        study=request,
        command=command_line(
            "closedloop", "dry-run", Path(request.root.name), "--protocol", request.protocol, "--chaos", str(seed)
        ),
    )
    stopped = "Stopped. Run the same command again to go on: what happened already does not happen again."
    with interruptible(stopped):
        found = run_chaos(asked, tell=lambda line: typer.echo(visible(line)), heed=end_if_asked)
    typer.echo(printed(_lines(found, asked.root)))
    if not found.is_well:
        raise typer.Exit(NOT_WELL)


def _lines(found: Chaos, root: Path) -> list[str]:
    days = ", ".join(map(str, found.same_days)) or "none"
    unexplained = [one for one in found.folders if one.is_unexplained]
    return [
        *found.faults,
        *(f"day {one.day} {one.stage}: differs, and no event explains it" for one in unexplained),
        *(f"day {one.day} {one.kind}: not answered" for one in found.events if not one.answered),
        f"{count(len(found.events), 'event')} of seed {found.seed}; days that are the undisturbed ones, byte for byte: "
        f"{days}; {count(len(unexplained), 'unexplained difference')}.",
        f"Open {root / CHAOS_PAGE}",
    ]
