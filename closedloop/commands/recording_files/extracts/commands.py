"""`closedloop recording waveforms | samples | codes | map`: the options of the commands that take something out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.recording_files.options import (
    ALL_BUT_NOISE,
    ChannelsOption,
    ClockSegmentOption,
    JsonOption,
    TimeOption,
    UnitsOption,
    parse_channels,
    parse_time,
    parse_units,
)
from closedloop.plain_text.printed import printed

NsxOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="the same processor's .ns1 to .ns6, whose clock segments are then used"),
]


def add_extracts(app: typer.Typer) -> None:
    """Add the commands to `closedloop recording`."""
    app.command("waveforms")(recording_waveforms)
    app.command("samples")(recording_samples)
    app.command("codes")(recording_codes)
    app.command("map")(recording_map)


def recording_waveforms(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".nev")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="HDF5 file (.h5) for the waveforms; one that is there is replaced")
    ],
    *,
    channels: ChannelsOption = None,
    units: UnitsOption = None,
    time: TimeOption = None,
    clock_segment: ClockSegmentOption = None,
    nsx: NsxOption = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="HTML page with each electrode's mean waveform, unit by unit")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help=".cmp, by which the page lays out the electrodes")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Take the waveforms of a .nev's spikes out, in uV, with electrode, unit and time; all units but noise.

    Noise is what the recorder put into unit 255: `--units all` takes it too.
    """
    from closedloop.commands.recording_files.extracts import waveforms  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    choice = waveforms.SpikeChoice(
        parse_channels(channels),
        parse_units(units, default=ALL_BUT_NOISE),
        parse_time(time, clock_segment=clock_segment),
    )
    if report is not None or map_file is not None:
        from closedloop.commands.recording_files.extracts import waveform_report  # noqa: PLC0415 - with matplotlib

        waveform_report.check_report(report, map_file)
    with bar("waveforms") as progress:
        written = waveforms.waveforms_to_file(file, out, choice, nsx_file=nsx, progress=progress)
    if report is not None:
        waveform_report.write_page(written, choice, report, map_file)
    typer.echo(waveforms.waveforms_as_json(written) if json else printed(waveforms.waveform_lines(written)))


def recording_samples(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".ns1 to .ns6")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="table (.parquet or .csv) or HDF5 file (.h5) to write; one that is there is replaced"
        ),
    ],
    *,
    channels: ChannelsOption = None,
    time: TimeOption = None,
    clock_segment: ClockSegmentOption = None,
    nev: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=".nev with the scale of a file of specification 2.1; the one of the same name if not given",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Take continuous samples out (LFP, analog inputs, voltage): time and a column a channel, in its unit.

    A pause has no rows; it is said, and the column `segment` changes there.
    """
    from closedloop.commands.recording_files.extracts import samples  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    with bar("samples") as progress:
        written = samples.samples_to_file(
            file,
            out,
            channels=parse_channels(channels),
            time=parse_time(time, clock_segment=clock_segment),
            nev=nev,
            progress=progress,
        )
    typer.echo(samples.samples_as_json(written) if json else printed(samples.sample_lines(written)))


def recording_codes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".nev")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="table (.parquet or .csv) to write; one that is there is replaced")
    ],
    *,
    time: TimeOption = None,
    clock_segment: ClockSegmentOption = None,
    nsx: NsxOption = None,
    json: JsonOption = False,
) -> None:
    """Take digital codes out by bit: a row for each rising or falling edge of the port's 16 lines.

    For ports whose lines change one by one. A code of the serial port is a row without a bit. `recording events` has
    the codes as whole numbers.
    """
    from closedloop.commands.recording_files.extracts import codes  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    with bar("codes") as progress:
        written = codes.codes_to_table(
            file, out, time=parse_time(time, clock_segment=clock_segment), nsx_file=nsx, progress=progress
        )
    typer.echo(codes.codes_as_json(written) if json else printed(codes.code_lines(written)))


def recording_map(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".cmp, the map that came with the array")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="picture (.png) or page (.html) to write; one that is there is replaced"),
    ] = None,
    names: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="names of the arrays, as in V4,IT, in order of electrode")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show which electrode lies where on the array, and which bank it is wired to."""
    from closedloop.commands.recording_files.extracts import map as map_command  # noqa: PLC0415

    contacts = map_command.read_map(file, names)
    if out is not None:
        map_command.write_picture(file, contacts, out, names=names)
    typer.echo(map_command.map_as_json(file, contacts) if json else printed(map_command.map_lines(file, contacts)))
