"""`closedloop replay`: the options; what is done is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.terminal.store_option import StoreOption, with_store

replay_app = typer.Typer(rich_markup_mode=None)


@replay_app.command("replay")
def replay(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="study folder")],
    *,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="a new folder for what is made, or one of the same replay, to resume")
    ],
    day: Annotated[
        list[int] | None,
        typer.Option(
            min=0, metavar="DAY", help="which day, from 0; may be repeated  [default: all that are evaluated]"
        ),
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE",
            help="which stage: plan, synthesize, schedule, ingest, refit, evaluate or queue; may be repeated  "
            "[default: those after the session]",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="what if: other settings, with semicolons between several, as recording.window_ms=[60,160]; may be "
            "repeated, each a column of the table",
        ),
    ] = None,
    detection: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="what if: spikes of this definition, found in raw voltage; may be repeated, likewise"
        ),
    ] = None,
    nothing_excluded: Annotated[
        bool, typer.Option("--nothing-excluded", help="what if: count what `closedloop exclude` left out")
    ] = False,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="where attacks are computed, as `closedloop run` takes it  [default: this machine's GPUs, or its CPU "
            "cores]",
        ),
    ] = None,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Make past days again from what was recorded and sealed, and tell every number that differs from the study's.

    The study is only read; gates are not asked again, and what they found is compared with nothing. With --set or
    --detection the days are evaluated otherwise, and the numbers stand beside the published ones. Exit code 0: nothing
    differs; 5: something does; 1: an error; 130: interrupted, to be resumed by the same command.
    """
    workers = with_store(workers, store)
    require_extra("lab")
    from closedloop.commands.replay.command import replay as replay_on_a_terminal  # noqa: PLC0415

    replay_on_a_terminal(
        study,
        out=out,
        days=day or (),
        stages=stage or (),
        settings=setting or (),
        detections=detection or (),
        nothing_excluded=nothing_excluded,
        workers=workers,
        as_json=json,
    )
