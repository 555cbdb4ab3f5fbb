"""`closedloop recording ...`: the options; the work is in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from closedloop.commands.recording_files.extracts.commands import add_extracts
from closedloop.commands.recording_files.options import (
    ALL_UNITS,
    BridgeOption,
    ChannelsOption,
    ClockSegmentOption,
    JsonOption,
    TimeOption,
    UnitsOption,
    parse_channels,
    parse_time,
    parse_units,
)
from closedloop.commands.recording_files.other_makers.which import RecorderOption, is_of_other_maker
from closedloop.errors import OptionError
from closedloop.plain_text.printed import printed
from closedloop.recording.segments import BRIDGE_MS
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

recording_app = typer.Typer(
    help="Inspect recordings: Blackrock's files, and other makers' by neo.", no_args_is_help=True, rich_markup_mode=None
)


@recording_app.command("info")
def recording_info(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help=".nev or .ns1 to .ns6, a folder of them, or another maker's file or folder"
        ),
    ],
    *,
    recorder: RecorderOption = None,
    against: Annotated[
        Literal["neo"] | None,
        typer.Option(metavar="neo", help="list every difference to what neo reads of a Blackrock file"),
    ] = None,
    bridge: BridgeOption = BRIDGE_MS,
    json: JsonOption = False,
) -> None:
    """Show what a recording holds: specification or streams, channels, scale, blocks, times.

    Of a folder: which devices and parts its files make. Of a .ccf, .cmp or .sif: what it is.
    """
    if against is not None:
        from closedloop.commands.recording_files.other_makers.against_neo import differences_as_text  # noqa: PLC0415

        typer.echo(differences_as_text(file, as_json=json))
        return
    if is_of_other_maker(file, recorder):
        from closedloop.commands.recording_files.other_makers.info import other_info  # noqa: PLC0415

        typer.echo(other_info(file, recorder, as_json=json))
        return
    from closedloop.blackrock.companions import companion_of  # noqa: PLC0415
    from closedloop.commands.recording_files import folder, info  # noqa: PLC0415

    if file.is_dir():
        found = folder.describe_folder(file)
        typer.echo(folder.folder_as_json(found) if json else printed(folder.folder_lines(found)))
        return
    companion = companion_of(file)
    if companion is not None:
        typer.echo(info.companion_as_json(file, companion) if json else printed([f"{file}: {companion.what}"]))
        return
    facts = info.describe_file(file, bridge_ms=bridge)
    typer.echo(info.info_as_json(facts) if json else printed(info.info_lines(facts)))


@recording_app.command("detect")
def recording_detect(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help=".ns5 or .ns6 with raw voltage, all files of a split recording in order; or another maker's path",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HDF5 file for the threshold crossings")],
    *,
    definition: Annotated[str, typer.Option(metavar="NAME", help="dicarlo, zero_phase_butter or causal")] = "dicarlo",
    threshold: Annotated[
        float | None, typer.Option(metavar="X", help="multiple of the noise, below 0, instead of the definition's")
    ] = None,
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="low and high edge in Hz, instead of the definition's"),
    ] = None,
    notch: Annotated[
        str | None,
        typer.Option(metavar="HZ", help="hum that is taken out: 60, 50 or none, instead of the definition's"),
    ] = None,
    channels: ChannelsOption = None,
    time: TimeOption = None,
    clock_segment: ClockSegmentOption = None,
    workers: Annotated[
        str,
        typer.Option(
            metavar="WORKERS", help="N or local:N processes, dask:N, tcp://HOST:PORT (a Dask scheduler), slurm:FILE"
        ),
    ] = "1",
    store: StoreOption = None,
    chunk: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="seconds read at a time; the result is the same for all")
    ] = None,
    bridge: BridgeOption = BRIDGE_MS,
    recorder: RecorderOption = None,
    json: JsonOption = False,
) -> None:
    """Find threshold crossings in raw voltage by a named definition. Run the same command again to resume."""
    workers = with_store(workers, store)
    from closedloop.commands.recording_files.detection_wanted import (  # noqa: PLC0415
        WantedSpikes,
        parse_definition,
    )

    rule = parse_definition(definition, threshold=threshold, band_hz=band, notch=notch)
    if is_of_other_maker(files[0], recorder):
        from closedloop.commands.recording_files.other_makers.detect import detect_other  # noqa: PLC0415

        if len(files) > 1 or json or any(one is not None for one in (channels, time, clock_segment)):
            raise typer.BadParameter("of another maker's recording give one path: all of it is looked at")
        said = detect_other(files[0], out, recorder=recorder, definition=rule, workers=workers, chunk_s=chunk)
        typer.echo(printed(said))
        return
    from closedloop.commands.recording_files.detect import (  # noqa: PLC0415
        detect_to_file,
        spikes_as_json,
        spikes_lines,
    )
    from closedloop.execution.progress import bar  # noqa: PLC0415

    wanted = WantedSpikes(
        rule,
        parse_channels(channels),
        parse_time(time, clock_segment=clock_segment),
        bridge_ms=bridge,
    )
    with bar("detect") as progress:
        written = detect_to_file(files, out, wanted=wanted, workers=workers, chunk_s=chunk, progress=progress)
    typer.echo(spikes_as_json(written) if json else printed(spikes_lines(written)))


@recording_app.command("events")
def recording_events(
    file: Annotated[
        Path, typer.Argument(metavar="PATH", help=".nev, or with --recorder another maker's file or folder")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="table to write, a row for each packet: .csv is text, any other name parquet"
        ),
    ],
    nsx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the same processor's .ns1 to .ns6, whose clock segments are then used"),
    ] = None,
    spikes: Annotated[bool, typer.Option(help="whether spikes are wanted")] = True,
    *,
    channels: ChannelsOption = None,
    units: UnitsOption = None,
    time: TimeOption = None,
    clock_segment: ClockSegmentOption = None,
    recorder: RecorderOption = None,
    json: JsonOption = False,
) -> None:
    """Write all events of a .nev as a table, in order of clock segment and tick.

    Channels and units choose among spikes, noise (unit 255) included; everything else is written whatever they are.
    """
    if is_of_other_maker(file, recorder):
        from closedloop.commands.recording_files.other_makers.events import other_events  # noqa: PLC0415

        typer.echo(printed(other_events(file, out, recorder=recorder, spikes=spikes)))
        return
    from closedloop.commands.recording_files import events  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    choice = events.EventChoice(
        spikes=spikes,
        channels=parse_channels(channels),
        units=parse_units(units, default=ALL_UNITS),
        time=parse_time(time, clock_segment=clock_segment),
    )
    with bar("events") as progress:
        written = events.events_to_table(file, out, nsx_file=nsx, choice=choice, progress=progress)
    typer.echo(events.events_as_json(written) if json else printed(events.event_lines(written)))


@recording_app.command("align")
def recording_align(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="the rig's journal.jsonl")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help=".nev and .ns1 to .ns6 of the session, of one or several NSPs"),
    ],
    report: Annotated[Path, typer.Option(metavar="FILE", help="HTML page to write")],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="parquet table of each code's onset and how it was matched")
    ] = None,
    photodiode: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="channel of the photodiode: beginning of its label, or its number"),
    ] = None,
    array: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATTERN", help="an array, and which files are its own (left=LEFT*), once for each"),
    ] = None,
    bridge: BridgeOption = BRIDGE_MS,
    recorder: RecorderOption = None,
    json: JsonOption = False,
) -> None:
    """Find each presentation's onset on the recorder's clock, and how it was determined."""
    from closedloop.commands.recording_files import align  # noqa: PLC0415
    from closedloop.commands.recording_files.outputs import TABLE_SUFFIXES, check_output  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    check_output(report, (".html",), option="--report")
    if out is not None:
        check_output(out, TABLE_SUFFIXES[:1])
    with bar("align") as progress:
        session = align.align_files(
            journal,
            files,
            arrays=array or (),
            photodiode=photodiode,
            bridge_ms=bridge,
            progress=progress,
            recorder=recorder,
        )
        align.write_page(session, report, journal_file=journal, files=files)
        if out is not None:
            align.write_onsets(session, out)
    typer.echo(align.session_as_json(session) if json else printed(align.session_lines(session)))


@recording_app.command("light")
def recording_light(
    flashes: Annotated[Path, typer.Argument(metavar="FLASHES", help="flashes.json of `rig calibrate photodiode`")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help=".nev and .ns1 to .ns6 that were recorded meanwhile")
    ] = None,
    *,
    edges: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="instead of files: a table time_s,code of another program; code 0 is light"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="light.json, which `rig calibrate photodiode --from` stores")
    ] = None,
    photodiode: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="channel of the photodiode: beginning of its label, or its number"),
    ] = None,
    recorder: RecorderOption = None,
    json: JsonOption = False,
) -> None:
    """Measure how long after their flips the rig's flashes were bright: latency and jitter of its display."""
    from closedloop.commands.recording_files import light  # noqa: PLC0415
    from closedloop.commands.recording_files.outputs import check_output  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    if out is not None:
        check_output(out, (".json",))
    if bool(files) == (edges is not None):
        raise OptionError(
            "recording light: expected files of a recording or --edges FILE, found both or none. Give one."
        )
    with bar("light") as progress:
        found = (
            light.measure_listed_light(flashes, edges)
            if edges is not None
            else light.measure_light(flashes, files or (), photodiode=photodiode, recorder=recorder, progress=progress)
        )
    if out is not None:
        found.write(out)
    typer.echo(found.model_dump_json(indent=2) if json else printed(light.light_lines(found, out)))


@recording_app.command("make")
def recording_make(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="new folder for the session")] = None,
    *,
    specification: Annotated[str, typer.Option(metavar="VERSION", help="2.1, 2.2, 2.3, 3.0 or 3.0-ptp")] = "2.3",
    seconds: Annotated[float, typer.Option(min=4, max=86_400, metavar="SECONDS", help="length")] = 60.0,
    channels: Annotated[int, typer.Option(min=1, max=1024, metavar="N", help="number of electrodes in total")] = 8,
    processors: Annotated[int, typer.Option(min=1, max=2, metavar="N", help="1 or 2; each has its own files")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="FAULT", help="what goes wrong; may be given several times; `--fault list` names all"),
    ] = None,
    seed: Annotated[int, seed_option("a different seed gives a different session")] = 0,
) -> None:
    """Make a small session with its recording and its ground truth, intact or with faults.

    Writes journal.jsonl, a .nev and an .ns6 for each processor, and truth.parquet.
    """
    from closedloop.commands.recording_files.make import fault_lines, make_in_folder  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    if "list" in (fault or []):
        typer.echo(printed(fault_lines()))
        return
    if folder is None:
        raise typer.BadParameter("FOLDER is missing")
    with bar("make") as progress:
        lines = make_in_folder(
            folder,
            specification=specification,
            seconds=seconds,
            n_channels=channels,
            n_processors=processors,
            faults=fault or [],
            seed=seed,
            progress=progress,
        )
    typer.echo(printed(lines))


add_extracts(recording_app)
