"""Whether a recording of another maker goes on to the session's last digital code; opened once, before it is sealed."""

from __future__ import annotations

from pathlib import Path

from closedloop.alignment.alignment import align_devices
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.devices.neo_device import read_neo_devices
from closedloop.errors import ClosedLoopError
from closedloop.stages.ingest.onsets import sent_codes
from closedloop.stages.ingest.wiring import wirings_of

_LOST_AT_END = 3  # codes: a line that loses a hundredth of them loses so many in a row once in a million times


def codes_missing_of(folder: Path, recorder: RecorderDescription, journal: Journal) -> str:
    """Return in a few words what of the session's digital codes is missing at its end; empty where nothing is.

    Parameters
    ----------
    folder
        Of the day's recording.
    recorder
        The study's.
    journal
        What was shown.
    """
    sent = sent_codes(journal)
    if not len(sent.code):
        return ""
    try:
        devices = read_neo_devices(folder, wirings_of(recorder), spikes=False)
        found = align_devices(
            sent,
            {device.name: device.codes for device in devices},
            edges={},
            segments={device.name: device.segments for device in devices},
            rules=AlignmentRules(frame_ms=1000 / journal.launches[0].refresh_hz),
        )
    except ClosedLoopError as error:
        return str(error).removeprefix(f"{folder}: ").rstrip(".")
    for name, own in found.items():
        at_end = next((n for n, index in enumerate(own.received_index[::-1].tolist()) if index >= 0), len(sent.code))
        if at_end >= _LOST_AT_END:
            return f"the session's last {at_end} digital codes are not in the recording of {name}"
    return ""
