"""The photodiode of a device, on whichever channel of whichever file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from closedloop.recording.nsx import NsxSamples


def find_photodiode(files: Sequence[NsxSamples], label: str) -> NsxSamples | None:
    """Find the channel whose label begins like that, capitals aside, in the fastest file that has one."""
    for samples in sorted(files, key=lambda one: -one.rate_hz):
        for place, channel in zip(samples.columns, samples.channels, strict=True):
            if channel.label.lower().startswith(label.lower()):
                return replace(samples, channels=(channel,), columns=(place,))
    return None
