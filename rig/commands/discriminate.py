"""`rig discriminate`: people say same or different, in a PsychoPy window."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import command_line
from closedloop.terminal.signals import INTERRUPTED
from closedloop.terminal.streams import say
from rig.commands.options import DisplayOption, RigOption

_QUIET_S = 10.0  # between lines of progress


def discriminate(
    experiment: Annotated[
        Path,
        typer.Argument(metavar="EXPERIMENT", help="the folder that `closedloop discrimination prepare` made"),
    ],
    display: DisplayOption = "psychopy",
    *,
    subject: Annotated[
        str, typer.Option(metavar="CODE", help="up to three capitals and up to four digits, such as S07")
    ],
    session: Annotated[int, typer.Option(min=1, max=9999, metavar="N", help="which of the experiment's sessions")],
    rig: RigOption = None,
    consented: Annotated[
        bool, typer.Option("--consented", help="the subject has agreed to the laboratory's text")
    ] = False,
    audit_pixels: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="read this many images back from the screen and compare every pixel"),
    ] = 0,
) -> None:
    """Ask a person whether two images were the same.

    In a PsychoPy window, as appendix 6.2 asks; the journal is that of the browser page. Escape, pressed twice, or
    Ctrl-C ends; the same command goes on.
    """
    from rig.discrimination.present import Sitting, present_sitting  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    sitting = Sitting(experiment, subject, session, display, rig, consented, audit_pixels)
    last_s = time.monotonic()

    def tell(n_left: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _QUIET_S:
            last_s = time.monotonic()
            say(f"{subject}, session {session}: {n_left} trials left")

    stop = StopRequest()
    with stop_on_signals(stop):
        end = present_sitting(sitting, stop=stop, on_trial=tell)
    if end.n_compared:
        say(f"{end.n_compared} images were read back from the screen, equal in every pixel")
    if not end.is_finished:
        again = command_line("rig", "discriminate", experiment, "--subject", subject, "--session", str(session))
        say(visible(f"{subject}, session {session}: stopped. It goes on: {again}"))
        raise typer.Exit(INTERRUPTED)
    say(visible(f"{subject}, session {session}: finished"))
