"""The photodiode of a device, on whichever channel of whichever file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import NsxSamples


def find_photodiode(files: Sequence[NsxSamples], name: str) -> NsxSamples | None:
    """Find the photodiode's channel in the fastest file that has it.

    Parameters
    ----------
    files
        All channels of each NSx.
    name
        Beginning of the channel's label, capitals aside, or the number of an analog input.
    """
    for samples in sorted(files, key=lambda one: -one.rate_hz):
        for place, channel in zip(samples.columns, samples.channels, strict=True):
            if _is_named(channel, name):
                return replace(samples, channels=(channel,), columns=(place,))
    return None


def _is_named(channel: NsxChannel, name: str) -> bool:
    if name.isdigit():
        return channel.channel_id == int(name) and not channel.is_electrode
    return channel.label.lower().startswith(name.lower())
