"""The page of `closedloop recording waveforms --report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.commands.recording_files.extracts.map import read_map
from closedloop.commands.recording_files.extracts.waveforms import SpikeChoice, WrittenWaveforms
from closedloop.commands.recording_files.outputs import check_output
from closedloop.errors import OptionError
from closedloop.plain_text.printed import command_line
from closedloop.report.recordings.array_map import ArrayContact, arrays_of
from closedloop.report.recordings.grid import Grid, in_rows
from closedloop.report.recordings.waveforms import WaveformRecord, waveform_page
from closedloop.storage import write_bytes


def check_report(report: Path | None, map_file: Path | None) -> None:
    """Refuse before the work what could only be refused after it.

    Raises
    ------
    RecordingError
        The page's name is not one, the map cannot be read, or there is a map but no page.
    """
    if report is not None:
        check_output(report, (".html",))
    if map_file is not None:
        read_map(map_file)
        if report is None:
            raise OptionError(f"--map {map_file}: expected a page to lay out, found none. Add --report FILE.html.")


def write_page(written: WrittenWaveforms, choice: SpikeChoice, report: Path, map_file: Path | None) -> None:
    """Write the page about waveforms that were taken out.

    Parameters
    ----------
    written
        What was taken out.
    choice
        What was asked for.
    report
        The HTML file to write.
    map_file
        The .cmp by which electrodes are laid out; in order of their number if None.
    """
    contacts = read_map(map_file) if map_file is not None else ()
    command: list[str | Path] = [
        "closedloop",
        "recording",
        "waveforms",
        Path(written.file.name),
        "--out",
        Path(written.out.name),
    ]
    options: dict[str, str | Path] = {
        "--channels": choice.channels.text,
        "--units": "" if written.units.words == "all but noise" else written.units.words,
        "--time": choice.time.text,
        "--clock-segment": "" if choice.time.clock_segment is None else str(choice.time.clock_segment),
        "--map": Path(map_file.name) if map_file is not None else "",
        "--report": Path(report.name),
    }
    chosen = [
        f"channels {choice.channels.text or 'all'}",
        f"{written.units.words} units",
        f"time {choice.time.text or 'all'}",
    ]
    page = waveform_page(
        WaveformRecord(
            file=written.file.name,
            command=command_line(*command, *(word for pair in options.items() if pair[1] for word in pair)),
            means=written.means,
            labels=written.labels,
            grids=_grids(sorted(written.labels), contacts),
            recorded_s=written.recorded_s,
            sample_hz=written.header.sample_hz,
            chosen=", ".join(chosen),
            notices=(
                *(f"{written.file.name}: {repair}." for repair in written.repairs),
                *(f"Left out: {n:,} spikes {reason}." for reason, n in written.left_out.items()),
            ),
            simulated=written.simulated,
        )
    )
    write_bytes(report, page)


def _grids(electrodes: Sequence[int], contacts: Sequence[ArrayContact]) -> tuple[Grid, ...]:
    """Lay the chosen electrodes out by the map; those that it does not have, in order of their number."""
    grids = [
        Grid(name, {one.electrode_id: (one.column, one.row) for one in own if one.electrode_id in electrodes})
        for name, own in arrays_of(contacts).items()
    ]
    placed = {electrode for grid in grids for electrode in grid.place}
    rest = [electrode for electrode in electrodes if electrode not in placed]
    return (*(grid for grid in grids if grid.place), *((in_rows(rest),) if rest else ()))
