"""`closedloop recording align`: from a journal and the recorder's files to onsets and a page about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment, align_devices, missing_at_ends
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts.commands.recording_tables import ALIGNED_CODES
from closedloop.artifacts.day.doubts import Doubt, doubts_of, unvouched
from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.presented.codes import codes_sent
from closedloop.artifacts.tables import write_table
from closedloop.devices.device import PHOTODIODE, Device, read_devices
from closedloop.devices.shared_codes import share_codes
from closedloop.errors import AlignmentError, RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.printed import command_line
from closedloop.recording.codes import SentCodes
from closedloop.recording.segments import BRIDGE_MS
from closedloop.recording.usability import usable
from closedloop.report.alignment.figures import DeviceRecord
from closedloop.report.alignment.page import alignment_page
from closedloop.stages.ingest.onsets import sent_codes
from closedloop.storage import write_bytes

_SOURCES = {"photodiode": "the photodiode", "code": "their digital code", "fit": "the clocks"}


@dataclass(frozen=True)
class AlignedSession:
    """A journal with its recording on every device."""

    journal: Journal
    sent: SentCodes
    devices: tuple[Device, ...]
    alignments: dict[str, Alignment]

    @property
    def simulated(self) -> bool:
        """Whether a program made the session."""
        return self.journal.launches[0].simulated


def align_files(
    journal_file: Path,
    files: Sequence[Path],
    *,
    arrays: Sequence[str] = (),
    photodiode: str | None,
    progress: ProgressCallback,
    bridge_ms: float = BRIDGE_MS,
    recorder: Path | None = None,
) -> AlignedSession:
    """Align the recorder's files with a journal, device by device.

    Parameters
    ----------
    journal_file
        The rig's journal of the session.
    files
        The recorder's .nev and .ns1 to .ns6.
    arrays
        Name and pattern of the files of each array ("left=LEFT*"), or the pattern alone; empty where the names tell.
    photodiode
        Its channel: the beginning of the label, or the number. None: one labelled photodiode, if there is any.
    progress
        Called with (done, total) packets of each .nev.
    bridge_ms
        Holes in the samples of at most so many milliseconds end no segment.
    recorder
        Description of a recorder of another maker, whose only file or folder is then given.

    Raises
    ------
    AlignmentError
        The recording belongs to another session, or the journal shows nothing.
    DocumentError, RecordingError
        A file cannot be read, or has no such channel.
    """
    journal = read_journal(journal_file)
    check_journal(journal, journal_file)
    if not journal.presentations:
        raise AlignmentError(f"{journal_file}: expected presentations, found none. Give the journal of a session.")
    sent = sent_codes(journal)
    devices = read_all_devices(
        files, arrays=arrays, photodiode=photodiode, progress=progress, bridge_ms=bridge_ms, recorder=recorder
    )
    alignments = align_devices(
        sent,
        {device.name: device.codes for device in devices},
        edges={device.name: device.edges for device in devices if device.edges is not None},
        segments={device.name: device.segments for device in devices},
        rules=AlignmentRules(frame_ms=1000 / journal.launches[0].refresh_hz),
    )
    return AlignedSession(journal, sent, devices, alignments)


def read_all_devices(
    files: Sequence[Path],
    *,
    photodiode: str | None,
    progress: ProgressCallback,
    arrays: Sequence[str] = (),
    bridge_ms: float = BRIDGE_MS,
    recorder: Path | None = None,
) -> tuple[Device, ...]:
    """Read codes and light of a recording, whoever made the recorder.

    Parameters
    ----------
    files, photodiode, progress, arrays, bridge_ms, recorder
        See `align_files`.

    Raises
    ------
    RecordingError
        A file cannot be read, or no channel is the photodiode's that was named.
    """
    if recorder is not None:
        devices = _devices_by_neo(files, recorder)
    else:
        devices = share_codes(
            read_devices(
                files,
                arrays=[one.rpartition("=")[2] for one in arrays],
                photodiode=photodiode or PHOTODIODE,
                bridge_ms=bridge_ms,
                spikes=False,
                progress=progress,
            )
        )
    if photodiode is not None and all(device.edges is None for device in devices):
        raise RecordingError(
            f"photodiode {photodiode}: expected a channel of that label or number, found none. "
            "See `closedloop recording info` for the channels of each file."
        )
    return devices


def _devices_by_neo(files: Sequence[Path], recorder: Path) -> tuple[Device, ...]:
    from closedloop.commands.recording_files.other_makers.devices import described_devices  # noqa: PLC0415

    if len(files) != 1:
        raise RecordingError(
            f"{files[0]}: expected the one file or folder that {recorder} describes, found {len(files)}. "
            "Give the folder of the recording."
        )
    return described_devices(files[0], recorder, spikes=False)


def write_page(session: AlignedSession, report: Path, *, journal_file: Path, files: Sequence[Path]) -> None:
    """Write the page about an alignment.

    Parameters
    ----------
    session
        What was aligned.
    report
        The HTML file to write.
    journal_file, files
        What was read: their names are on the page.
    """
    records = [
        DeviceRecord(
            device.name,
            session.alignments[device.name],
            device.tick_hz,
            device.segments,
            (*device.repairs, *_remarks(session, device)),
        )
        for device in session.devices
    ]
    command: list[str | Path] = [
        "closedloop",
        "recording",
        "align",
        *(Path(file.name) for file in (journal_file, *files)),
    ]
    page = alignment_page(
        records,
        session.sent,
        session_id=session.journal.launches[0].session_id,
        simulated=session.simulated,
        files=[file.name for file in (journal_file, *files)],
        command=command_line(*command, "--report", Path(report.name)),
    )
    write_bytes(report, page)


def write_onsets(session: AlignedSession, out: Path) -> None:
    """Write every sent code's fate and onset, device by device."""
    parts = [_columns(session, name, found) for name, found in session.alignments.items()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in ALIGNED_CODES.columns}
    write_table(out, ALIGNED_CODES, columns, simulated=session.simulated)


def _columns(session: AlignedSession, name: str, found: Alignment) -> dict[str, NDArray[Any]]:
    rows = codes_sent(session.journal.rows)
    shown = [row.shown for row in rows]
    return {
        "device": np.full(len(rows), name),
        "sent_index": np.arange(len(rows)),
        "ordinal": np.array([row.ordinal if row else -1 for row in shown]),
        "presentation_index": np.array([row.presentation_index if row else -1 for row in shown]),
        "accepted": np.array([row is not None and row.outcome == "accepted" for row in shown]),
        "code": session.sent.code,
        "rig_s": session.sent.time_s,
        "epoch": found.clock_segment,
        "onset_tick": found.onset_tick,
        "source": found.source,
        "reason": np.array(found.reason),
        "code_tick": found.code_tick,
        "received_index": found.received_index,
        "changed": found.changed,
        "lag_ms": found.latency_ms,
    }


def session_as_json(session: AlignedSession) -> str:
    """Return the quality of every device's alignment, and what was repaired in its files, as JSON."""
    facts = {
        device.name: {
            "repairs": list(device.repairs),
            "remarks": list(_remarks(session, device)),
            "touching_a_gap": dict(_touching(session, device)),
            **session.alignments[device.name].quality.to_json_dict(),
        }
        for device in session.devices
    }
    journal = {"doubts": _doubts(session), "notes": list(unvouched(session.journal))}
    content = {"session_id": session.journal.launches[0].session_id, "journal": journal, "devices": facts}
    return json.dumps(content, indent=2)


def session_lines(session: AlignedSession) -> list[str]:
    """Return what a person needs to know, a line each."""
    lines = [line for device in session.devices for line in _device_lines(session, device)]
    lines += [f"journal: no data of an animal: {words} ({name})" for name, words in _doubts(session).items()]
    return lines + [f"journal: {note}" for note in unvouched(session.journal)]


def _doubts(session: AlignedSession) -> dict[Doubt, str]:
    """Return what makes a session no data of an animal; of a simulated one nothing else is expected."""
    return {} if session.simulated else doubts_of(session.journal)


def _device_lines(session: AlignedSession, device: Device) -> list[str]:
    quality = session.alignments[device.name].quality
    sources = ", ".join(f"{quality.n_by_source[name]:,} by {words}" for name, words in _SOURCES.items())
    drifts = ", ".join(f"{run.drift_ppm:+.2f}" for run in quality.runs)
    lines = [
        f"{device.name}: {quality.n_presentations - quality.n_set_aside:,} of {quality.n_presentations:,} "
        f"presentations timed ({sources})",
        f"  {quality.n_matched:,} of {quality.n_sent:,} codes matched, {quality.n_lost + quality.n_unplaced:,} lost, "
        f"{quality.n_changed:,} changed; {quality.n_doubled:,} second copies, {quality.n_foreign:,} of nothing sent",
        f"  drift {drifts} ppm ({len(quality.runs)} run{'s' * (len(quality.runs) > 1)} of the clocks); "
        f"{_photodiode_words(session, device)}",
    ]
    lines += [f"  set aside: {n:,} ({reason})" for reason, n in quality.set_aside_by_reason().items()]
    lines += [f"  timed, but cannot be used: {n:,}, {reason}" for reason, n in _touching(session, device)]
    lines += [
        f"  clock segment {one.clock_segment}: {one.n_codes} codes without a place, {one.reason}"
        for one in quality.unplaced_clock_segments
    ]
    lines += [f"  repaired: {sentence}" for sentence in device.repairs]
    return lines + [f"  note: {sentence}" for sentence in _remarks(session, device)]


def _remarks(session: AlignedSession, device: Device) -> tuple[str, ...]:
    return (*device.remarks, *missing_at_ends(session.sent, session.alignments[device.name]))


def _photodiode_words(session: AlignedSession, device: Device) -> str:
    quality = session.alignments[device.name].quality
    if quality.photodiode_lag_median_ms is None:
        return "no photodiode onset was seen"
    return (
        f"display latency {quality.photodiode_lag_median_ms:.2f} ms (IQR {quality.photodiode_lag_iqr_ms:.2f} ms, "
        f"{quality.n_without_photodiode:,} without, seen by {quality.light_from})"
    )


def _touching(session: AlignedSession, device: Device) -> list[tuple[str, int]]:
    """Count the presentations that have an onset around which something was not recorded, by reason."""
    found = session.alignments[device.name]
    timed = session.sent.is_lit & ~np.isnan(found.onset_tick)
    _, reasons = usable(found.clock_segment[timed], found.onset_tick[timed], device.segments, tick_hz=device.tick_hz)
    return sorted(Counter(reason for reason in reasons if reason).items())
