"""Find channels of an NSx file by label and by number; an analog input is never taken for an electrode."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

from closedloop.blackrock.channel_kinds import ChannelKind
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.errors import RecordingError


def find_channels(
    channels: Sequence[NsxChannel],
    *,
    channel_ids: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    kind: ChannelKind | None = None,
    file: Path,
) -> tuple[int, ...]:
    """Find the places of channels among a file's.

    Parameters
    ----------
    channels
        The file's, in its order.
    channel_ids, labels
        Which, in this order, by number or by label (small and capital letters as in the file); all if both are None.
    kind
        "electrode", "analog" or "other": looked for among these alone, so that a number that two have means one of
        them.
    file
        Named in the error.

    Returns
    -------
    tuple of int
        Indices into `channels`.

    Raises
    ------
    RecordingError
        A channel is missing, or two have its number or label.
    ValueError
        Both numbers and labels are given.
    """
    if channel_ids is not None and labels is not None:
        raise ValueError("give channel_ids or labels, not both")
    of_kind = [index for index, channel in enumerate(channels) if kind in (None, channel.kind)]
    if channel_ids is not None:
        return _places({index: channels[index].channel_id for index in of_kind}, channel_ids, kind=kind, file=file)
    if labels is not None:
        return _places({index: channels[index].label for index in of_kind}, labels, kind=kind, file=file)
    return tuple(of_kind)


def _places(
    names: dict[int, Hashable], wanted: Sequence[Hashable], *, kind: ChannelKind | None, file: Path
) -> tuple[int, ...]:
    places: dict[Hashable, list[int]] = {}
    for index, name in names.items():
        places.setdefault(name, []).append(index)
    what = {None: "channel", "electrode": "electrode", "analog": "analog input", "other": "other channel"}[kind]
    for name in wanted:
        n_found = len(places.get(name, ()))
        if n_found != 1:
            raise RecordingError(
                f"{file}: expected one {what} {name!r} among {len(names)}, found {n_found}. "
                "See `closedloop recording info` for the channels of the file."
            )
    return tuple(places[name][0] for name in wanted)
