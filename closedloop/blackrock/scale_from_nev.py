"""The scale of a 2.1 NSx file, which has none of its own: that of the NEV file of the same recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import NsxSamples

_DIGITAL_BITS, _NV_PER_UV = 1000, 1000


def has_no_scale(samples: NsxSamples) -> bool:
    """Return whether a file's bits have no unit (specification 2.1)."""
    return samples.header.layout.version is None


def nev_beside(file: Path) -> Path | None:
    """Return the NEV of the same recording, by its name, where there is one."""
    beside = [file.with_suffix(suffix) for suffix in (".nev", ".NEV")]
    return next((one for one in beside if one.is_file()), None)


def with_scale_of(samples: NsxSamples, nev: Path) -> NsxSamples:
    """Give the channels of a 2.1 file the scale of the same number in a NEV (NEUEVWAV, nV a bit).

    Channels that the NEV does not describe, and other files, stay as they are.

    Parameters
    ----------
    samples
        Of an NSx file.
    nev
        The .nev of the same recording.

    Raises
    ------
    RecordingError
        The NEV cannot be read.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import (
    ...     NevElectrode,
    ...     NsxChannel,
    ...     open_samples,
    ...     with_scale_of,
    ...     write_nev,
    ...     write_nsx,
    ... )
    >>> start, bits = datetime(2024, 5, 6, tzinfo=UTC), np.full((10, 1), 40, np.int16)
    >>> with TemporaryDirectory() as folder:
    ...     nsx, nev = Path(folder) / "old.ns5", Path(folder) / "old.nev"
    ...     write_nsx(
    ...         nsx, [NsxChannel(7, "")], rate_hz=30_000, specification="2.1", chunks=[(0, bits)], start=start
    ...     )
    ...     contacts = [NevElectrode(7, "", nv_per_bit=152)]
    ...     _ = write_nev(nev, contacts, specification="2.1", batches=[], start=start)
    ...     scaled = with_scale_of(open_samples(nsx), nev)
    >>> scaled.channels[0].units, float(scaled.scale[0])
    ('uV', 0.152)
    """
    return replace(samples, channels=scaled_channels(samples.channels, nev)) if has_no_scale(samples) else samples


def scaled_channels(channels: Sequence[NsxChannel], nev: Path) -> tuple[NsxChannel, ...]:
    """Give channels the scale of the same number in a NEV; one that it does not describe stays as it is."""
    nv_per_bit = {one.electrode_id: one.uv_per_bit * _NV_PER_UV for one in read_nev_header(nev).channels}
    return tuple(_scaled(one, nv_per_bit) for one in channels)


def _scaled(channel: NsxChannel, nv_per_bit: dict[int, float]) -> NsxChannel:
    found = nv_per_bit.get(channel.channel_id)
    if not found:
        return channel
    reach = round(found * _DIGITAL_BITS)  # a range of whole numbers for both: bits, and thousandths of nV
    bits = _DIGITAL_BITS * _NV_PER_UV
    return replace(channel, units="uV", digital_min=-bits, digital_max=bits, analog_min=-reach, analog_max=reach)
