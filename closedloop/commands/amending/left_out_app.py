"""What does not count: the options of `exclude`, `include`, `close-day` and `reopen-day`."""

from __future__ import annotations

from typing import Annotated

import typer

from closedloop.commands.amending.options import BlockNumber, By, OneDay, StudyFolder, Why
from closedloop.plain_text.printed import printed

left_out_app = typer.Typer(rich_markup_mode=None)

_FromOption = Annotated[str, typer.Option("--from", metavar="fit|evaluation|both", help="what it is left out of")]
_SiteOption = Annotated[
    list[str] | None, typer.Option(metavar="SITE", help="a site's name, or its number in the model; may be repeated")
]
_ElectrodeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ARRAY/ID", help="a site by its array and the recorder's number; may be repeated"),
]
_ArrayOption = Annotated[list[str] | None, typer.Option(metavar="NAME", help="all sites of an array; may be repeated")]
_DayOption = Annotated[int | None, typer.Option(min=0, metavar="DAY", help="a whole day, from 0")]
_PresentationsOption = Annotated[
    str | None,
    typer.Option(metavar="FROM-TO", help="with --day: presentations of it, both included, as its journal counts them"),
]
_FromDayOption = Annotated[
    int | None, typer.Option(min=0, metavar="DAY", help="first day of sites and arrays  [default: 0]")
]
_ToDayOption = Annotated[int | None, typer.Option(min=0, metavar="DAY", help="last day of sites and arrays")]
_SessionOption = Annotated[
    int | None,
    typer.Option(
        "--block",
        min=1,
        metavar="NUMBER",
        help="with --day: which of its sessions, from 1  [default: all of the day; presentations of the first]",
    ),
]


@left_out_app.command("exclude")
def exclude(
    study: StudyFolder,
    *,
    parts: _FromOption,
    why: Why,
    site: _SiteOption = None,
    electrode: _ElectrodeOption = None,
    array: _ArrayOption = None,
    day: _DayOption = None,
    block: _SessionOption = None,
    presentations: _PresentationsOption = None,
    from_day: _FromDayOption = None,
    to_day: _ToDayOption = None,
    keep_attacking: Annotated[
        bool,
        typer.Option("--keep-attacking", help="attack sites on days to come though they are not evaluated"),
    ] = False,
    by: By = None,
) -> None:
    """Leave sites, an array, a day or presentations out of the fit, the evaluation or both.

    Fits and evaluations are made again from the same recordings; nothing is deleted. A site left out of the evaluation
    is not attacked in sessions that are still to be made. `closedloop include` with the same words takes it back.
    Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.left_out import decide_of, wanted_of  # noqa: PLC0415
    from closedloop.study.amending import exclusions  # noqa: PLC0415

    wanted = wanted_of(
        site=site,
        electrode=electrode,
        array=array,
        day=day,
        block=block,
        presentations=presentations,
        from_day=from_day,
        to_day=to_day,
        parts=parts,
    )
    said = decide_of(
        study,
        lambda paths, document, protocol: exclusions.exclude(
            paths, document, protocol, wanted, by=by, why=why, keep_attacking=keep_attacking
        ),
    )
    typer.echo(printed(said))


@left_out_app.command("include")
def include(
    study: StudyFolder,
    *,
    parts: _FromOption,
    why: Why,
    site: _SiteOption = None,
    electrode: _ElectrodeOption = None,
    array: _ArrayOption = None,
    day: _DayOption = None,
    block: _SessionOption = None,
    presentations: _PresentationsOption = None,
    from_day: _FromDayOption = None,
    to_day: _ToDayOption = None,
    by: By = None,
) -> None:
    """Take in again what `closedloop exclude` left out, named by the same words.

    Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.left_out import decide_of, wanted_of  # noqa: PLC0415
    from closedloop.study.amending import exclusions  # noqa: PLC0415

    wanted = wanted_of(
        site=site,
        electrode=electrode,
        array=array,
        day=day,
        block=block,
        presentations=presentations,
        from_day=from_day,
        to_day=to_day,
        parts=parts,
    )
    said = decide_of(
        study,
        lambda paths, document, protocol: exclusions.include(paths, document, protocol, wanted, by=by, why=why),
    )
    typer.echo(printed(said))


@left_out_app.command("close-day")
def close_day(
    study: StudyFolder,
    day: OneDay,
    why: Why,
    *,
    by: By = None,
    block: BlockNumber = 1,
    killed: Annotated[
        bool,
        typer.Option("--killed", help="the rig was killed: its journal has no end, and the session ended there"),
    ] = False,
) -> None:
    """Close a day whose session ended early: what was shown counts, the rest is offered to the next day.

    Once the rig's output lies in the day's folder `present`. With --killed the summary that the rig did not write is
    counted from the journal. Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.left_out import decide_of  # noqa: PLC0415
    from closedloop.commands.days import refuse_other_blocks  # noqa: PLC0415
    from closedloop.study.amending import closing  # noqa: PLC0415

    said = decide_of(
        study,
        lambda paths, document, protocol: closing.close_day(
            refuse_other_blocks(paths, day, block), document, protocol, day=day, by=by, why=why, killed=killed
        ),
    )
    typer.echo(printed(said))


@left_out_app.command("reopen-day")
def reopen_day(study: StudyFolder, day: OneDay, why: Why, by: By = None, block: BlockNumber = 1) -> None:
    """Take back that a day was closed, so that its session can go on; before the day is ingested only.

    Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.left_out import decide_of  # noqa: PLC0415
    from closedloop.commands.days import refuse_other_blocks  # noqa: PLC0415
    from closedloop.study.amending import closing  # noqa: PLC0415

    said = decide_of(
        study,
        lambda paths, document, protocol: closing.reopen_day(
            refuse_other_blocks(paths, day, block), document, protocol, day=day, by=by, why=why
        ),
    )
    typer.echo(printed(said))
