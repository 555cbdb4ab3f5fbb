"""Tables of the recording: what ingest found day by day, raw voltage against the recorder, what the stages took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closedloop.artifacts.day.quality import DeviceQuality, IngestQuality, RawAgreement
from closedloop.artifacts.manifest import Manifest
from closedloop.artifacts.records.sequence import Block
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent


def _plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _latency(day: IngestQuality) -> str:
    if day.photodiode_lag_median_ms is None or day.photodiode_lag_iqr_ms is None:
        return DASH
    return f"{_plain(day.photodiode_lag_median_ms, 2)} ({day.photodiode_lag_iqr_ms:.2f}) ms"


def _twins(day: IngestQuality) -> str:
    if day.twin_separation_median_min is None or day.twin_separation_min_min is None:
        return DASH
    return f"{_minutes(day.twin_separation_median_min)} ({_minutes(day.twin_separation_min_min)}) min"


def _minutes(value: float) -> str:
    """Return minutes with a decimal; below one with two digits, so that seconds are not 0.0 min."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _agreement(agreements: Sequence[RawAgreement]) -> str:
    if not agreements:
        return DASH
    recall = _mean([a.recall for a in agreements if a.recall is not None])
    precision = _mean([a.precision for a in agreements if a.precision is not None])
    return f"{percent(recall)} / {percent(precision)} (n = {len(agreements)})"


_COUNTED = ("lost: ", "unplaced: ", "doubled: ")
"""How the codes begin that have a line of their own, or were never received."""


def foreign_codes(day: IngestQuality) -> list[str]:
    """Return the received codes that belong to nothing sent; lost codes and second copies have lines of their own."""
    return [text for text in day.codes_unmatched if not text.startswith(_COUNTED)]


_QUALITY: tuple[tuple[str, Callable[[IngestQuality], str]], ...] = (
    ("presentations accepted", lambda q: count(q.n_presented)),
    (
        "… of these used",
        lambda q: f"{count(q.n_used)} ({percent(q.n_used / q.n_presented if q.n_presented else None)})",
    ),
    ("rejected by the rig", lambda q: count(q.n_rejected)),
    ("spikes", lambda q: f"{count(q.n_spikes)} ({q.spikes_from})"),
    ("recording", lambda q: f"{q.duration_s / 60:.1f} min"),
    ("codes sent / matched", lambda q: f"{count(q.codes_sent)} / {count(q.codes_matched)}"),
    ("codes lost", lambda q: count(q.codes_lost)),
    ("codes duplicated", lambda q: count(q.codes_doubled)),
    ("codes changed", lambda q: count(q.codes_changed)),
    ("codes that belong to nothing sent", lambda q: count(len(foreign_codes(q)))),
    ("clock drift", lambda q: f"{_plain(q.clock_drift_ppm, 2)} ppm"),
    ("clock residual, IQR", lambda q: f"{q.clock_residual_iqr_ms:.3f} ms"),
    ("display latency, median (IQR)", _latency),
    ("without photodiode", lambda q: count(q.n_without_photodiode)),
    ("changed image to its clean twin, median (least)", _twins),
    ("raw against NEV, recall / precision", lambda q: _agreement(q.raw_agreement)),
    ("reliability of the sites, median", lambda q: number(q.reliability_median)),
)


def quality(days: Sequence[IngestQuality]) -> Table:
    """Return by day what ingest found in journal and recording, and why presentations were set aside."""
    reasons = sorted({reason for day in days for reason in day.set_aside})
    lines = [(name, *(cell(day) for day in days)) for name, cell in _QUALITY[:2]]
    lines += [
        (f"set aside: {reason.replace('_', ' ')}", *(count(day.set_aside.get(reason, 0)) for day in days))
        for reason in reasons
    ]
    lines += [(name, *(cell(day) for day in days)) for name, cell in _QUALITY[2:3]]
    if any(day.n_not_recorded for day in days):
        lines.append(("… of these in no recording, as far as is known", *(count(day.n_not_recorded) for day in days)))
    lines += [(name, *(cell(day) for day in days)) for name, cell in _QUALITY[3:]]
    if any(day.journal_notes for day in days):
        lines.append(("what the rig's journal lacks", *("; ".join(day.journal_notes) or DASH for day in days)))
    return Table(
        columns=("", *(Block(day.day, day.block).said for day in days)),
        rows=tuple(lines),
        caption="Every accepted presentation is used or set aside with a reason. Codes are matched to the journal by "
        "order and time, never by position; the photodiode decides the onset where it was seen. From a changed image "
        "to its clean twin: minutes to the nearest used showing of it, the median over all showings and the least. The "
        "protocol's twin_separation_min bounds the least as planned; presentations put back, and a session faster than "
        "planned, bring twins nearer.",
    )


def _number(day: IngestQuality) -> str:
    return str(day.day) if day.block == 1 else f"{day.day}.{day.block}"


def devices(days: Sequence[IngestQuality]) -> Table | None:
    """Return by processor what each recorded and lost; None where one processor recorded everything without a gap."""
    rows = [(day, device) for day in days for device in day.devices]
    if all(len(day.devices) < 2 for day in days) and not any(_is_notable(device) for _, device in rows):
        return None
    return Table(
        columns=(
            "day",
            "device",
            "recorded",
            "clock segments",
            "drift",
            "codes matched",
            "used",
            "set aside",
            "repaired and remarked",
        ),
        rows=tuple(
            (
                _number(day),
                device.name,
                f"{device.duration_s / 60:.1f} min in {count(device.n_stretches)}",
                count(device.n_epochs),
                ", ".join(f"{_plain(run.drift_ppm, 2)} ppm" for run in device.clocks),
                f"{count(device.codes_matched)} of {count(day.codes_sent)}",
                count(device.n_used),
                "; ".join(f"{count(n)} {reason}" for reason, n in device.set_aside.items()) or DASH,
                "; ".join(_remarks(device)) or DASH,
            )
            for day, device in rows
        ),
        caption="Each processor of the recorder has its own clock and files. What one could not record is unknown on "
        "its electrodes alone.",
    )


def site_changes(days: Sequence[IngestQuality]) -> Table | None:
    """Return the electrodes that appeared or vanished since day 0; None where there are none."""
    rows = tuple(
        (_number(day), kind, ", ".join(names))
        for day in days
        for kind, names in (("new", day.sites_new), ("missing", day.sites_missing))
        if names
    )
    return Table(("day", "", "electrodes"), rows, "Compared with day 0.") if rows else None


def _is_notable(device: DeviceQuality) -> bool:
    return bool(_remarks(device)) or device.n_stretches > 1


def _remarks(device: DeviceQuality) -> tuple[str, ...]:
    in_part = (f"{count(n)} used without {reason}" for reason, n in device.used_in_part.items())
    return (*device.repairs, *device.remarks, *in_part)


def raw_agreement(agreements: Sequence[RawAgreement]) -> Table:
    """Compare offline detection on raw voltage with the recorder's own crossings, an electrode a line."""
    return Table(
        columns=("electrode", "definition", "offline", "NEV", "recall", "precision", "tolerance"),
        rows=tuple(
            (
                str(a.electrode_id) if a.processor == 1 else f"{a.electrode_id} of processor {a.processor}",
                a.definition,
                count(a.n_offline),
                count(a.n_nev),
                percent(a.recall),
                percent(a.precision),
                f"{a.tolerance_ms:g} ms",
            )
            for a in agreements
        ),
        caption="Recall: part of the NEV's crossings that offline detection finds within the tolerance. Precision: "
        "part of the offline crossings that the NEV holds.",
    )


def stages(manifests: dict[str, Manifest]) -> Table:
    """Return the time, memory and code version of each stage."""
    return Table(
        columns=("stage", "seconds", "peak memory", "files", "code"),
        rows=tuple(
            (stage, f"{m.seconds:.1f}", f"{m.peak_memory_mb:.0f} MB", count(len(m.outputs)), m.code_version)
            for stage, m in manifests.items()
        ),
        caption="From the manifests, which hold the sha256 of every file read and written. Peak memory: resident "
        "memory of the loop's own process while the stage ran, with what was loaded before; workers are not in it.",
    )
