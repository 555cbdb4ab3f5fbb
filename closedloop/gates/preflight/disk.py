"""Whether the disk takes the day."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from closedloop.artifacts.catalog import SESSION
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.protocol.session import Recording
from closedloop.artifacts.study import STAGES, StudyDocument
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of

ELECTRODES = 96
"""Of a Utah array."""

_GB = 1e9
_S_PER_HOUR = 3600
_CROSSINGS_HZ = 30.0  # of an electrode of ours at -4 sigma: noise alone gives some ten
_PACKET_BYTES = 8  # of a spike in a .nev, before its waveform
_SAMPLE_BYTES = 2
_RAW_HZ = {".ns1": 500, ".ns2": 1_000, ".ns3": 2_000, ".ns4": 10_000, ".ns5": 30_000, ".ns6": 30_000}
_WHOLE_RATE_HZ = 30_000


def disk(context: GateContext) -> GateFinding:
    """Compare the free space of the study's disk with what the day is going to write.

    That is what the last whole day wrote; before there is one it is estimated from electrodes and hours. What is free
    stands in the words only where it is too little, and there as a bound: it changes by the minute.
    """
    limit = context.protocol.gates.disk
    n_presentations = context.read(SESSION).n_presentations
    needed_gb = (_written_before(context) or _estimate(context.protocol, context.study, n_presentations)) / _GB
    if context.study.simulated and context.day in context.protocol.recording.raw_days:
        needed_gb += _raw_bytes(context.protocol, n_presentations) / _GB
    free_gb = shutil.disk_usage(context.paths.root).free / _GB
    level = level_of(free_gb / needed_gb, limit)
    factor = limit.hold if level == "HOLD" else limit.warn
    bound = f"{_said(needed_gb * factor)} GB" if factor is not None else "that"
    return finding(
        "disk",
        level,
        expected=f"room for the {_said(needed_gb)} GB that this day is going to write, and some more",
        found="enough" if level == "PASS" else f"less than {bound} free",
        remedy=f"Make room on the disk of {context.paths.root}; the next run looks again.",
        values={"needed_gb": needed_gb, "free_gb": None if level == "PASS" else free_gb},
    )


def _said(gigabytes: float) -> str:
    """Return a size in two digits: more would say that it is known."""
    return f"{gigabytes:.2g}" if gigabytes < 100 else f"{gigabytes:,.0f}"


def _written_before(context: GateContext) -> int:
    """Return what the last day wrote that was ingested; 0 where there is none."""
    for one in reversed(context.earlier):
        if one.n_bytes("ingest") is not None:
            return sum(one.n_bytes(stage) or 0 for stage in STAGES)
    return 0


def _estimate(protocol: Protocol, study: StudyDocument, n_presentations: int) -> float:
    """Return bytes of a day's recording: crossings with their waveforms, and the samples that were asked for."""
    seconds = session_hours(protocol, n_presentations=n_presentations) * _S_PER_HOUR
    n_electrodes = protocol.simulation.n_electrodes if study.simulated else ELECTRODES * max(len(study.arrays), 1)
    return recording_bytes(protocol.recording, n_electrodes=n_electrodes, nsx=study.nsx, seconds=seconds)


def recording_bytes(recording: Recording, *, n_electrodes: int, nsx: Sequence[str], seconds: float) -> float:
    """Estimate bytes of a recording: crossings with their waveforms, and the samples that were asked for.

    Parameters
    ----------
    recording
        The protocol's section: how wide a spike's packet is.
    n_electrodes
        Of all arrays.
    nsx
        Suffixes of the files of samples that each array has besides its .nev.
    seconds
        How long it is.
    """
    packet = _PACKET_BYTES + recording.waveform_samples * _SAMPLE_BYTES
    samples_hz = sum(_RAW_HZ[suffix] for suffix in nsx)
    return seconds * n_electrodes * (_CROSSINGS_HZ * packet + samples_hz * _SAMPLE_BYTES)


def _raw_bytes(protocol: Protocol, n_presentations: int) -> float:
    """Return bytes of the voltage that a simulated array writes on raw days."""
    seconds = session_hours(protocol, n_presentations=n_presentations) * _S_PER_HOUR
    return seconds * protocol.recording.raw_electrodes * _WHOLE_RATE_HZ * _SAMPLE_BYTES
