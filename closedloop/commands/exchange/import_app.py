"""`closedloop import`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.amending.options import By, Why
from closedloop.commands.extras import require_extra
from closedloop.commands.recording_files.other_makers.which import RecorderOption
from closedloop.errors import OptionError, visible

import_app = typer.Typer(
    help="Begin a study with what was recorded elsewhere.", no_args_is_help=True, rich_markup_mode=None
)


_SHOWN = re.compile(r"([0-9]{1,5})=([1-9][0-9]{0,4}(?:,[1-9][0-9]{0,4})*)")

BeforeItsFirstSession = Annotated[
    Path, typer.Option("--study", metavar="STUDY", help="study folder, before its first session is shown")
]
ImageFolderOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="where the named pictures are  [default: the file's folder]")
]
ElectrodesOption = Annotated[
    Path | None, typer.Option(metavar="CSV", help="which electrode each site is: columns name, neuroid_id (array1-017)")
]


@import_app.command("responses")
def import_responses(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="responses: a table .csv or .parquet, an HDF5 file .h5, a Brain-Score assembly .nc"
        ),
    ],
    study: BeforeItsFirstSession,
    why: Why,
    *,
    responses: Annotated[
        str | None, typer.Option(metavar="NAME", help="dataset with the responses  [default: responses, rates, ...]")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="dataset with the images, or their names  [default: images, image_id, ...]"),
    ] = None,
    neuroids: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="dataset with the sites' names  [default: neuroid_id, sites, ...]"),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="axes of the responses: images,repetitions,sites  [default: by lengths and names]"
        ),
    ] = None,
    image_folder: ImageFolderOption = None,
    sites: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="sites to take, in the order of the model's outputs")
    ] = None,
    electrodes: ElectrodesOption = None,
    by: By = None,
) -> None:
    """Let a study's first model be fitted to responses that were recorded elsewhere, averages or trials.

    Its sites are the file's, one to one, and the first recording must have their electrodes. Imported responses are
    marked as such wherever they count, and are part of no estimate of any day. Appends a line to the study's
    amendments.jsonl. Import again to replace them, as long as nothing was shown.
    """
    require_extra("lab")
    from closedloop.artifacts.imported.laboratory import DatasetNames  # noqa: PLC0415
    from closedloop.commands.exchange.imported import import_on_a_terminal  # noqa: PLC0415
    from closedloop.stages.imported.taken import ImportRequest  # noqa: PLC0415

    request = ImportRequest(
        file,
        DatasetNames(responses, images, neuroids, _names(axes)),
        image_folder,
        _names(sites),
        electrodes,
    )
    typer.echo(visible(import_on_a_terminal(study, request, by=by, why=why)))


@import_app.command("recording-day")
def import_recording_day(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="what was shown: .csv of image and onset_s, onset_tick, or code and time_s; or .bhv2, .mwk2",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="the recorder's files of that day, and array maps")],
    study: BeforeItsFirstSession,
    why: Why,
    *,
    image_folder: ImageFolderOption = None,
    sites: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="sites to take (array1-017)  [default: the most reliable]")
    ] = None,
    electrodes: ElectrodesOption = None,
    recorder: RecorderOption = None,
    refresh: Annotated[
        float | None,
        typer.Option(min=10, max=1000, metavar="HZ", help="of the display: onsets may come whole frames late"),
    ] = None,
    shown: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE=OBJECT,...",
            help="of MonkeyLogic: which task objects an event code means came on (20=2); may be repeated",
        ),
    ] = None,
    code_variable: Annotated[
        str | None, typer.Option(metavar="NAME", help="of MWorks: the variable whose values the recorder received")
    ] = None,
    by: By = None,
) -> None:
    """Let a study's first model be fitted to a day that another program ran, from the recorder's own files.

    Spikes are counted as the protocol has it, in its window after each onset; the photodiode times them where it was
    recorded. Presentations that were not recorded, or not accepted, are left out and counted. The rest is as for
    `import responses`.
    """
    require_extra("lab")
    from closedloop.artifacts.imported.shown import ShownOptions  # noqa: PLC0415
    from closedloop.commands.exchange.imported import import_day_on_a_terminal  # noqa: PLC0415
    from closedloop.study.amending.imported import RecordingDayRequest  # noqa: PLC0415

    request = RecordingDayRequest(
        table,
        folder,
        image_folder,
        _names(sites),
        electrodes,
        refresh_hz=refresh,
        shown=ShownOptions(_objects(shown or ()), code_variable),
    )
    typer.echo(visible(import_day_on_a_terminal(study, request, recorder=recorder, by=by, why=why)))


def _objects(options: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Understand ``20=2,3``: event code 20 means that task object 2, then 3, came on."""
    found = dict[int, tuple[int, ...]]()
    for option in options:
        if (read := _SHOWN.fullmatch(option)) is None or int(read[1]) in found:
            raise OptionError(
                f"--shown {option[:40]}: expected an event code and task objects from 1, as 20=2 or 20=2,3,4, each "
                "code once, found none. Correct it."
            )
        found[int(read[1])] = tuple(int(number) for number in read[2].split(","))
    return found


def _names(option: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in option.split(",")) if option is not None else ()
