"""Making a study on a terminal: how far the reading of its images is, clean Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.interrupts import interruptible
from closedloop.commands.planned.command import protocol_can_show
from closedloop.errors import StudyError, visible
from closedloop.execution.found import find_workers
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import printed
from closedloop.storage import resolved
from closedloop.study.create import Request, create_study, find_protocol, is_begun
from closedloop.study.foresight.weights import base_model_named
from closedloop.study.loop import read_identity
from closedloop.terminal.streams import say


def create(request: Request, *, workers: str | None = None) -> None:
    """Make the study that is asked for; of an animal's, say what its protocol can show.

    Where the same command made it and was interrupted before the first session was ready, it is left as it is, and the
    caller goes on with it.

    Parameters
    ----------
    request
        What it is to be.
    workers
        Who will compute, as ``--workers`` takes it: seen to be there before there is a folder.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair; nothing is left behind.
    typer.Exit
        Interrupted: code 130.
    """
    if workers is not None:
        find_workers(workers)
    stopped = "Stopped. Run the same command again: what was read of the images is remembered."
    with interruptible(stopped):
        if is_begun(request):
            made = f"{resolved(request.root)}: the study was made already, by this command"
            say(visible(f"{made}; its first session is being prepared."))
        else:
            with bar("reading the images") as progress:
                create_study(request, progress=progress, tell=typer.echo)
    if not request.simulated:
        typer.echo(printed(protocol_can_show(resolved(request.root))))


def refuse_other_study(
    study: Path, given: Sequence[str], *, protocol: str, subject: str, images: Path | None, base_model: Path | None
) -> None:
    """Refuse options that ask for another study than the one that is there and would go on.

    Parameters
    ----------
    study
        Its folder.
    given
        Names of the options that stand on the command line; the others are defaults.
    protocol, subject, images, base_model
        What they ask for.

    Raises
    ------
    StudyError
        The study has another; nothing is done.
    """
    paths = StudyPaths(resolved(study))
    document, _ = read_identity(paths)
    has = {
        "protocol": document.protocol_name,
        "subject": document.subject,
        "images": document.pool.folder or "computed images",
        "base_model": document.base_model,
    }
    wanted = {
        "protocol": read_protocol(find_protocol(protocol)).name if "protocol" in given else protocol,
        "subject": subject,
        "images": str(images and resolved(images)),
        "base_model": base_model_named(base_model) if base_model else None,
    }
    for name in (name for name in has if name in given and has[name] != wanted[name]):
        raise StudyError(
            f"{paths.root}: expected --{name.replace('_', '-')} {has[name]}, as this study has, found {wanted[name]}. "
            "Leave the option out to go on with the study, or name a new folder."
        )
