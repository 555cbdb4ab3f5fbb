"""Decisions about a study that is under way: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.amending.options import By, StudyFolder, Why
from closedloop.commands.extras import require_extra
from closedloop.errors import visible
from closedloop.plain_text.printed import printed

amending_app = typer.Typer(rich_markup_mode=None)


@amending_app.command("amend")
def amend(
    study: StudyFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML with the protocol's keys that differ")],
    from_day: Annotated[int, typer.Option(min=0, metavar="DAY", help="first day that differs, from 0")],
    why: Why,
    by: By = None,
) -> None:
    """Let later days go by other numbers of the protocol; earlier days keep theirs.

    FILE has sections and keys as protocol.yaml: epsilons, counts and repetitions (attack, images, controls),
    presentation.twin_separation_min, and what trial and gates have. Refused once the day, or a later one, has begun to
    be shown. Appends a line to the study's amendments.jsonl; `closedloop withdraw` takes it back.
    """
    require_extra("lab")
    from closedloop.commands.amending.protocol import amend_protocol  # noqa: PLC0415

    typer.echo(printed(amend_protocol(study, from_day=from_day, file=file, by=by, why=why)))


@amending_app.command("withdraw")
def withdraw(
    study: StudyFolder,
    line: Annotated[
        int, typer.Argument(min=1, metavar="LINE", help="number of the line, as `closedloop history` says")
    ],
    why: Why,
    by: By = None,
) -> None:
    """Take an amendment back, as long as nothing recorded depends on it: the study is what it was without it.

    Appends a line to the study's amendments.jsonl.
    """
    require_extra("lab")
    from closedloop.commands.amending.protocol import withdraw_line  # noqa: PLC0415

    typer.echo(visible(withdraw_line(study, number=line, by=by, why=why)))


@amending_app.command("history")
def history(study: StudyFolder, json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Tell what happened to a study, in order, with the time in UTC: days made, shown and recorded, gates, decisions.

    Decisions have the number of their line in amendments.jsonl, which `closedloop withdraw` takes.
    """
    from closedloop.commands.amending.history import history_as_json, history_lines, read_history  # noqa: PLC0415

    found = read_history(study)
    typer.echo(history_as_json(found) if json else printed(history_lines(found)))


@amending_app.command("move")
def move(
    study: StudyFolder,
    why: Why,
    images: Annotated[Path | None, typer.Option(metavar="FOLDER", help="where the folder of images is now")] = None,
    base_model: Annotated[Path | None, typer.Option(metavar="FILE", help="where the base model's file is now")] = None,
    by: By = None,
) -> None:
    """Say where a study's images or its base model are now, after they, or the whole study, were moved or copied.

    Every listed image and the base model are read, and taken where they are what they were, byte for byte; nothing is
    made again. The study's own folder may be moved without a word. Appends a line to the study's amendments.jsonl.
    """
    require_extra("lab")
    from closedloop.commands.amending.move import move_study  # noqa: PLC0415

    typer.echo(visible(move_study(study, images=images, base_model=base_model, by=by, why=why)))


@amending_app.command("add-images")
def add_images(
    study: StudyFolder,
    why: Why,
    from_day: Annotated[
        int | None,
        typer.Option(min=1, metavar="DAY", help="first day that draws from them  [default: the first not shown yet]"),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="go on without images that cannot be shown")
    ] = False,
    by: By = None,
) -> None:
    """Add images to those that later days draw from: put them into the study's folder of images first.

    The images that were listed stay as they are. Appends a line to the study's amendments.jsonl; `closedloop withdraw`
    takes it back.
    """
    require_extra("lab")
    from closedloop.commands.amending.images import add_to_list  # noqa: PLC0415

    typer.echo(visible(add_to_list(study, from_day=from_day, skip_unreadable=skip_unreadable, by=by, why=why)))
