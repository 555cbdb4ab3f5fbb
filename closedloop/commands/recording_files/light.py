"""`closedloop recording light`: from the rig's flashes and a recording to the delay of light, for `rig calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from closedloop.alignment.alignment import align
from closedloop.alignment.light_delay import FlashDelays, flash_delays
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts.rig.calibrations import LightDelay
from closedloop.artifacts.rig.light import FlashesDocument, LightDocument
from closedloop.commands.recording_files.align import read_all_devices
from closedloop.detection.photodiode import steady_photodiode_edges
from closedloop.devices.device import PHOTODIODE, Device, light_edges
from closedloop.devices.part import RecordingPart
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.limits import decode, read_limited
from closedloop.plain_text.printed import command_line
from closedloop.recording.codes import Edges, ReceivedCodes, SentCodes
from closedloop.recording.segments import Segment

_LEAST = 10
_MOST_BYTES = 1 << 20
_LISTED_HZ = 1e6
_POOR = 0.02  # share of flashes without light, or light without flash


def measure_light(
    flashes_file: Path,
    files: Sequence[Path],
    *,
    photodiode: str | None,
    progress: ProgressCallback,
    recorder: Path | None = None,
) -> LightDocument:
    """Measure how long after its digital code each flash was bright.

    Parameters
    ----------
    flashes_file
        flashes.json of `rig calibrate photodiode`.
    files
        The recorder's .nev and .ns1 to .ns6.
    photodiode
        Its channel, see `closedloop recording align`.
    progress
        Called with (done, total) packets of each .nev.
    recorder
        Description of a recorder of another maker.

    Raises
    ------
    AlignmentError
        The recording is of other flashes.
    DocumentError, RecordingError
        A file cannot be read, has no photodiode, or too few flashes.
    """
    devices = read_all_devices(files, photodiode=photodiode, recorder=recorder, progress=progress)
    device = _with_light(devices, files[0])
    return _measure(flashes_file, device.codes, _steady(device, photodiode or PHOTODIODE), device.segments)


def _steady(device: Device, photodiode: str) -> Edges:
    """Return the light of a device, found anew where its voltage is at hand: noise is not to hasten it."""
    parts = [part for part in device.parts if isinstance(part, RecordingPart)]
    steady = light_edges(parts, photodiode, find=steady_photodiode_edges) or device.edges
    if steady is None:
        raise ValueError("expected a device with light")
    return steady


def measure_listed_light(flashes_file: Path, edges_file: Path) -> LightDocument:
    """Measure the same in a table of what another program found: ``time_s,code``, a row each, code 0 for light.

    Parameters
    ----------
    flashes_file
        flashes.json of `rig calibrate photodiode`.
    edges_file
        The table (CSV), times on one clock.

    Raises
    ------
    AlignmentError
        The table is of other flashes.
    DocumentError, RecordingError
        A file cannot be read, or has too few flashes.
    """
    codes, edges = read_edges(edges_file)
    return _measure(flashes_file, codes, edges, None)


def _measure(
    flashes_file: Path, codes: ReceivedCodes, edges: Edges, segments: Sequence[Segment] | None
) -> LightDocument:
    shown = FlashesDocument.read(flashes_file)
    time_s = np.array([one.time_s for one in shown.flashes])
    found = align(
        SentCodes(np.array([one.code for one in shown.flashes], np.int64), time_s),
        codes,
        segments=segments,
        rules=AlignmentRules(frame_ms=1000 / shown.refresh_hz),
    )
    code_tick = np.where(found.changed, np.nan, found.code_tick)
    delays = flash_delays(time_s, found.clock_segment, code_tick, edges=edges, tick_hz=codes.tick_hz)
    return _document(shown, delays, flashes_file)


def read_edges(path: Path) -> tuple[ReceivedCodes, Edges]:
    """Read a table of codes and light.

    Raises
    ------
    RecordingError
        It is no such table.
    """
    missing = "expected a table (CSV) of codes and light, found none. Correct its name."
    content = read_limited(path, most_bytes=_MOST_BYTES, missing=missing, error=RecordingError)
    lines = decode(content, what="CSV", place=str(path), error=RecordingError, remedy="Save it as UTF-8.").split("\n")
    if [name.strip() for name in lines[0].split(",")] != ["time_s", "code"]:
        raise RecordingError(
            f"{path}: expected the columns time_s,code, found {lines[0]!r:.60}. Correct its first line."
        )
    rows = sorted(_row(line, f"{path}, line {number}") for number, line in enumerate(lines[1:], 2) if line.strip())
    codes = [(time_s, code) for time_s, code in rows if code]
    light_s = np.array([time_s for time_s, code in rows if not code])
    tick = np.rint(_LISTED_HZ * np.array([time_s for time_s, _ in codes])).astype(np.int64)
    received = ReceivedCodes(
        np.zeros(len(codes), np.int64), tick, np.array([code for _, code in codes], np.int64), tick_hz=_LISTED_HZ
    )
    return received, Edges(np.zeros(len(light_s), np.int64), light_s * _LISTED_HZ)


def _row(line: str, place: str) -> tuple[float, int]:
    try:
        time_s, code = (float(field) for field in line.split(","))
    except ValueError:
        time_s, code = np.nan, 0.0
    if not np.isfinite(time_s) or code not in range(256):
        raise RecordingError(
            f"{place}: expected a time in s and a code of 0 to 255, found {line.strip()!r:.60}. Correct it."
        )
    return time_s, int(code)


def _with_light(devices: Sequence[Device], place: Path) -> Device:
    for device in devices:
        if device.edges is not None and len(device.edges.tick) and len(device.codes.tick):
            return device
    raise RecordingError(
        f"{place}: expected digital codes and a photodiode's channel with light and dark, found "
        f"{_found(devices)}. Give the .nev and the .ns file of one recording, and --photodiode."
    )


def _found(devices: Sequence[Device]) -> str:
    if all(not len(device.codes.tick) for device in devices):
        return "no code"
    return "no such channel" if all(device.edges is None for device in devices) else "a channel without flashes"


def _document(shown: FlashesDocument, delays: FlashDelays, place: Path) -> LightDocument:
    delay_ms = delays.delay_ms[~np.isnan(delays.delay_ms)]
    if len(delay_ms) < _LEAST:
        raise RecordingError(
            f"{place}: expected light after {_LEAST} flashes or more, found it after {len(delay_ms)} of "
            f"{len(shown.flashes)}. Look at the photodiode and its patch, and flash again."
        )
    median_ms, early_ms, late_ms = (float(one) for one in np.percentile(delay_ms, [50, 5, 95]))
    half_frame_ms = 500.0 / shown.refresh_hz
    return LightDocument(
        simulated=shown.simulated,
        rig=shown.rig,
        date=shown.date,
        light=LightDelay(
            latency_ms=round(median_ms, 3),
            jitter_ms=round(float(np.std(delay_ms, ddof=1)), 3),
            n_flashes=len(delay_ms),
            n_missed=delays.n_missed,
            n_extra=delays.n_extra,
        ),
        early_ms=round(early_ms, 3),
        late_ms=round(late_ms, 3),
        n_shown=len(shown.flashes),
        n_without_code=int(np.count_nonzero(~delays.has_code)),
        n_off_frame=int(np.count_nonzero(np.abs(delay_ms - median_ms) >= half_frame_ms)),
    )


def light_lines(found: LightDocument, out: Path | None) -> list[str]:
    """Return what a person reads, and the command that stores it.

    Parameters
    ----------
    found
        What was measured.
    out
        Where it was written, if it was.
    """
    light = found.light
    lines = [
        f"{found.rig}: light {light.latency_ms:.2f} ms after the code of a flip (median of {light.n_flashes} of "
        f"{found.n_shown} flashes), SD {light.jitter_ms:.2f} ms, a twentieth below {found.early_ms:.2f} and above "
        f"{found.late_ms:.2f} ms",
        f"  {light.n_missed} flashes without light, {light.n_extra} edges of no flash, {found.n_without_code} flashes "
        f"without a code, {found.n_off_frame} delays half a frame or more off",
    ]
    lines += [f"  {doubt}" for doubt in _doubts(found)]
    if out is not None:
        lines.append(f"At the rig: {command_line('rig', 'calibrate', 'photodiode', '--from', out, '--rig')} rig.yaml")
    return lines


def _doubts(found: LightDocument) -> list[str]:
    light, most = found.light, _POOR * found.n_shown
    doubts = []
    if (light.n_missed or 0) > most:
        doubts.append("light is missing: is the photodiode on its patch, and the patch large enough?")
    if (light.n_extra or 0) > most:
        doubts.append("light without flashes: is the screen's backlight modulated, or is a lamp on the photodiode?")
    if found.n_off_frame > most:
        doubts.append("frames are late: rehearse, and turn the desktop's effects off")
    return doubts
