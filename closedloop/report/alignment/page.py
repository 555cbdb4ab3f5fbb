"""The page of an alignment: what was timed, by what, on which clock, and everything that was not, with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop import __version__
from closedloop.alignment.quality import AlignmentQuality
from closedloop.recording.codes import SentCodes
from closedloop.report import drawing
from closedloop.report.alignment.figures import DeviceRecord, clock_difference, day_strip, display_latency
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, percent

_SOURCES = {
    "photodiode": "timed by the photodiode",
    "code": "timed by their digital code",
    "fit": "timed by the clocks",
}


def alignment_page(
    devices: Sequence[DeviceRecord],
    sent: SentCodes,
    *,
    session_id: str,
    simulated: bool,
    files: Sequence[str],
    command: str,
) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    devices
        What was aligned.
    sent
        The journal's codes.
    session_id, simulated
        Of the journal.
    files
        Names of what was read.
    command
        What makes the page again.
    """
    with drawing.style():
        sections = (_strip_section(devices, sent), *(_device_section(device, sent) for device in devices))
    return render(
        Page(
            title="Alignment",
            subtitle="When every presentation happened on the recorder's clock, how that is known, and what is not.",
            facts=(
                ("session", session_id),
                ("journal", f"{count(len(sent.code))} codes, {count(int(sent.is_lit.sum()))} presentations"),
                ("files", ", ".join(files)),
                ("software", f"closedloop {__version__}"),
            ),
            command=command,
            simulated=simulated,
            notices=tuple(notice for device in devices for notice in _notices(device)),
            links=(),
            sections=sections,
            source="",
        )
    )


def _notices(device: DeviceRecord) -> list[str]:
    quality = device.alignment.quality
    said = [f"{device.name}: {repair}" for repair in device.repairs]
    said += [
        f"{device.name}: clock segment {one.clock_segment} with {one.n_codes} codes has no place in the session: "
        f"{one.reason}."
        for one in quality.unplaced_clock_segments
    ]
    if quality.n_set_aside:
        reasons = "; ".join(f"{count(n)}: {reason}" for reason, n in quality.set_aside_by_reason().items())
        said.append(f"{device.name}: {count(quality.n_set_aside)} presentations are set aside ({reasons}).")
    return said


def _strip_section(devices: Sequence[DeviceRecord], sent: SentCodes) -> PageSection:
    caption = (
        "Coloured: recorded, one colour for each clock segment of the recorder; white: a pause, or the recorder was "
        "off. Grey: codes that were sent and not received. Red: presentations without an onset."
    )
    return PageSection("day", "The day", wide=(plate(day_strip(devices, sent), "What was recorded", caption=caption),))


def _device_section(device: DeviceRecord, sent: SentCodes) -> PageSection:
    quality = device.alignment.quality
    unmatched = f"Every unmatched code ({count(len(quality.unmatched))})"
    aside = f"Every presentation that is set aside ({count(quality.n_set_aside)})"
    return PageSection(
        f"device-{device.name}",
        device.name,
        cards=_cards(quality),
        wide=_plates(device, sent),
        tables=(_runs(quality), _fates(quality)),
        folded=((unmatched, _unmatched(quality)), (aside, _set_aside(quality))),
    )


def _cards(quality: AlignmentQuality) -> tuple[Card, ...]:
    n, timed = quality.n_presentations, sum(quality.n_by_source.values())
    by_source = ", ".join(f"{count(quality.n_by_source[name])} {words}" for name, words in _SOURCES.items())
    widest = max(quality.runs, key=lambda run: run.n_codes)
    lag = quality.photodiode_lag_median_ms
    latency = DASH if lag is None else f"{lag:.2f} ms"
    note = (
        "no photodiode" if lag is None else f"IQR {quality.photodiode_lag_iqr_ms:.2f} ms, seen by {quality.light_from}"
    )
    return (
        Card("presentations timed", f"{count(timed)} of {count(n)}", by_source),
        Card("set aside", count(quality.n_set_aside), percent(quality.n_set_aside / n if n else None)),
        Card(
            "codes matched", f"{count(quality.n_matched)} of {count(quality.n_sent)}", f"{count(quality.n_lost)} lost"
        ),
        Card(
            "drift", f"{_format_signed(widest.drift_ppm, 2)} ppm", f"jitter of codes {widest.jitter_ms * 1000:.0f} µs"
        ),
        Card("display latency", latency, note),
    )


def _plates(device: DeviceRecord, sent: SentCodes) -> tuple[Plate, ...]:
    clocks = plate(
        clock_difference(device, sent),
        "The clocks",
        caption="Left: the recorder's clock minus the rig's at every received code; the slope is the drift. Right: the "
        "same minus each run's line. Codes far from their neighbours (off time) do not time a presentation.",
    )
    latency = display_latency(device, sent)
    if latency is None:
        return (clocks,)
    caption = "Single late frames are real: the photodiode decides. Without it the usual latency at that time is added."
    return (clocks, plate(latency, "Display latency", caption=caption))


def _runs(quality: AlignmentQuality) -> Table:
    return Table(
        columns=("run", "codes", "offset", "drift", "residual, IQR", "residual drift", "jitter"),
        rows=tuple(
            (
                f"rig launch {run.launch}, clock segment {run.clock_segment}",
                count(run.n_codes),
                f"{_format_signed(run.offset_s, 6)} s",
                f"{_format_signed(run.drift_ppm, 2)} ppm",
                f"{run.residual_iqr_ms:.3f} ms",
                f"{run.wander_ms:.3f} ms",
                f"{run.jitter_ms:.3f} ms",
            )
            for run in quality.runs
        ),
        caption="A run is a launch of the rig on a clock segment of the recorder. Residual drift: how far the clock "
        "strayed from the line, end to end. Jitter: robust SD of single codes around both.",
    )


def _fates(quality: AlignmentQuality) -> Table:
    lines = (
        ("codes sent", quality.n_sent),
        ("… matched", quality.n_matched),
        ("… … of these with flipped bits", quality.n_changed),
        ("… … of these off time", quality.n_off_time),
        ("… lost", quality.n_lost),
        ("… in a rig launch that was not received", quality.n_unplaced),
        ("codes received", quality.n_received),
        ("… second copies", quality.n_doubled),
        ("… that belong to nothing sent", quality.n_foreign),
        ("… zeros between codes", quality.n_rest),
        ("presentations without a photodiode onset of their own", quality.n_without_photodiode),
        ("photodiode onsets that came whole frames late", quality.n_late_frames),
    )
    return Table(
        columns=("", "number"),
        rows=tuple((name, count(n)) for name, n in lines),
        caption="Sent = matched + lost + not received. Received = matched + second copies + nothing sent + zeros.",
    )


def _unmatched(quality: AlignmentQuality) -> Table:
    return Table(
        columns=("fate", "code", "time", "clock", "number in its list"),
        rows=tuple(
            (
                one.fate,
                str(one.code),
                f"{one.time_s:.4f} s",
                "rig" if one.clock_segment is None else f"recorder, clock segment {one.clock_segment}",
                count(one.index),
            )
            for one in quality.unmatched
        ),
        caption="Lost and unplaced codes were sent and not received; doubled and foreign ones were received beside.",
    )


def _set_aside(quality: AlignmentQuality) -> Table:
    return Table(
        columns=("number in the journal", "code", "rig's clock", "why"),
        rows=tuple((count(one.index), str(one.code), f"{one.time_s:.4f} s", one.reason) for one in quality.set_aside),
        caption="Numbered by all codes sent, trial starts included.",
    )


def _format_signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
