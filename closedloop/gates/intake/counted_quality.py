"""What ingest found in journal and recording, without what people left out: processors, and presentations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.amended.uncounted import Uncounted
from closedloop.artifacts.catalog import QUALITY, RESPONSES, SITES
from closedloop.artifacts.day.quality import DeviceQuality, IngestQuality
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import presentations_left_out

_REJECTED = "rejected by the rig: "  # as ingest says it of a presentation that was not accepted


def counted_quality(context: GateContext) -> IngestQuality:
    """Return what ingest found of what counts in a session.

    A processor none of whose sites counts is left away, unless no other is left. Of presentations that are left out
    neither the accepted nor those set aside are counted; digital codes and clocks are those of the whole recording.
    """
    quality, out = context.read(QUALITY), context.uncounted()
    if not out.who:
        return quality
    kept = [one for one in quality.devices if not _is_left_out(context, one, out)]
    quality = quality.model_copy(update={"devices": tuple(kept or quality.devices)})
    return _without(context, quality, presentations_left_out(context, out)) if out.stretches else quality


def _is_left_out(context: GateContext, device: DeviceQuality, out: Uncounted) -> bool:
    own = [site for site in context.read(SITES).sites if site.processor == device.processor]
    chosen = [site for site in own if site.site_index is not None]
    return bool(own) and all(out.covers_site(site.neuroid_id) for site in chosen or own)


def _without(context: GateContext, quality: IngestQuality, taken: NDArray[np.bool_]) -> IngestQuality:
    shown = context.read(RESPONSES)
    rejected = np.array([reason.startswith(_REJECTED) for reason in shown["reason"].tolist()], dtype=bool)
    taken = taken & ~rejected
    reasons = [str(reason) for reason in shown["reason"][taken & ~shown["used"]].tolist()]
    in_part = [str(reason) for reason in shown["reason"][taken & shown["used"]].tolist()]
    n_taken = int(taken.sum())
    return quality.model_copy(
        update={
            "n_presented": quality.n_presented - n_taken,
            "n_used": quality.n_used - int((taken & shown["used"]).sum()),
            "set_aside": _less(quality.set_aside, reasons),
            "devices": tuple(_device_without(one, [*reasons, *in_part], n_taken) for one in quality.devices),
        }
    )


def _device_without(device: DeviceQuality, reasons: list[str], n_taken: int) -> DeviceQuality:
    aside = _less(device.set_aside, reasons, of=device.name)
    n_aside = sum(device.set_aside.values()) - sum(aside.values())
    values: dict[str, Any] = {
        "set_aside": aside,
        "used_in_part": _less(device.used_in_part, reasons, of=device.name),
        "n_used": device.n_used - (n_taken - n_aside),
    }
    return device.model_copy(update=values)


def _less(counts: Mapping[str, int], reasons: Iterable[str], *, of: str = "") -> dict[str, int]:
    """Return how often each reason is left, without those of some presentations; a device's own has its name before.

    Parameters
    ----------
    counts
        By reason.
    reasons
        Of the presentations: one for all devices, or `array1: one; array2: another`.
    of
        The device's name; empty for the whole recording.
    """
    taken = Counter(
        known
        for reason in reasons
        for known in counts
        if reason == known or (of and f"; {reason}; ".find(f"; {of}: {known}; ") >= 0)
    )
    return {reason: n - taken[reason] for reason, n in counts.items() if n > taken[reason]}
