"""`closedloop rehearse`: the options; what is done stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from closedloop.commands.extras import require_extra
from closedloop.terminal.store_option import StoreOption, with_store

rehearse_app = typer.Typer(rich_markup_mode=None)


def _fewer(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(min=1, metavar="N", help=what)
    return option


@rehearse_app.command("rehearse")
def rehearse(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="study folder; it is only read")],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="folder of the copy  [default: STUDY-rehearsal]")
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the rig's description  [default: the one that `closedloop new` was given]"),
    ] = None,
    display: Annotated[
        Literal["headless", "psychopy"],
        typer.Option(help="headless: on a virtual clock; psychopy: on this machine's screen, in real time"),
    ] = "headless",
    days: Annotated[int, _fewer("recording days")] = 1,
    sites: Annotated[int | None, _fewer("sites of the model, at most")] = None,
    images: Annotated[
        int | None, _fewer("clean images a day, anchors and normalizers counted; attacks are cut in proportion")
    ] = None,
    presentations: Annotated[int | None, _fewer("presentations a day, at most")] = None,
    steps: Annotated[int | None, _fewer("gradient steps of each attack, at most")] = None,
    workers: Annotated[
        str | None,
        typer.Option(metavar="WORKERS", help="where attacks are computed, as for `closedloop run`"),
    ] = None,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Run a real study's day around a simulated animal, on a copy that is marked as simulated.

    Its own protocol, images, base model, file names and rig description; the real rig, refit, evaluation, gates and
    report. In the end it says what was tried, what was not, what is wrong, and how long a whole day takes. Run the same
    command again to resume. Exit code 1 when something is wrong.
    """
    workers = with_store(workers, store)
    require_extra("lab")
    from closedloop.commands.rehearse.run import WantedRehearsal, rehearse_study  # noqa: PLC0415
    from closedloop.study.rehearsal.cut import Cuts  # noqa: PLC0415

    cuts = Cuts(days=days, sites=sites, images=images, presentations=presentations, steps=steps)
    found = rehearse_study(WantedRehearsal(study, out, rig, display, cuts, workers), as_json=json)
    if any(one.result == "wrong" for one in found.parts):
        raise typer.Exit(1)
