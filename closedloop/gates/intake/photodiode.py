"""Whether the display showed images when it was told to: latency and jitter by the photodiode."""

from __future__ import annotations

from collections.abc import Iterator

from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.counted_quality import counted_quality
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent, plain

_NONE_EVER = "no photodiode, today and on day 0: onsets are the codes', the display's latency is not known"


def photodiode_seen(context: GateContext) -> GateFinding:
    """Count the presentations whose onset the photodiode did not tell, though it did on day 0."""
    limit, quality = context.protocol.gates.photodiode_seen, counted_quality(context)
    expected = f"the photodiode's edge at all but {bounds(limit, percent)} of the presentations"
    if not (_has_light(quality) or _has_light(context.first.read(QUALITY))):
        return finding("photodiode_seen", "PASS", expected=expected, found=_NONE_EVER, remedy="")
    n = max(quality.n_presented, 1)
    n_without = quality.n_without_photodiode if _has_light(quality) else quality.n_presented
    gone = "" if _has_light(quality) else ": there is none in the recording, as there was on day 0"
    return finding(
        "photodiode_seen",
        level_of(n_without / n, limit),
        expected=expected,
        found=f"none at {n_without:,} of {quality.n_presented:,} presentations ({percent(n_without / n)}){gone}",
        remedy="Look at the photodiode: its place on the screen's patch, its cable, its channel's label (protocol "
        "recording.photodiode). Without it responses are counted from the codes, earlier by the display's latency.",
        values={"part_without": n_without / n, "n_without": float(n_without)},
    )


def photodiode_latency(context: GateContext) -> GateFinding:
    """Compare the median time from code to light with day 0's: a display that changed shows images at another time."""
    limit = context.protocol.gates.photodiode_latency
    expected = f"the latency of day 0 within {bounds(limit, unit='ms').removeprefix('at most ')}"
    now, then = (dict(_latencies_ms(one)) for one in (counted_quality(context), context.first.read(QUALITY)))
    if not now:
        return finding("photodiode_latency", "PASS", expected=expected, found="no photodiode: not known", remedy="")
    said = ", ".join(f"{plain(latency_ms)} ms on {name}" for name, latency_ms in now.items())
    both = [name for name in now if name in then and not context.is_first]
    if not both:
        alone = "day 0: nothing before it" if context.is_first else "no photodiode on day 0"
        found = f"{said} ({alone}, to compare with)"
        return finding("photodiode_latency", "PASS", expected=expected, found=found, remedy="", values=_values(now))
    name = max(both, key=lambda one: abs(now[one] - then[one]))
    change_ms = now[name] - then[name]
    return finding(
        "photodiode_latency",
        level_of(abs(change_ms), limit),
        expected=expected,
        found=f"{said}; {change_ms:+.2g} ms since day 0 on {name}",
        remedy="Was the monitor, its mode (game mode, scaling, refresh rate), the graphics driver or the patch's place "
        "changed? Measure it anew (rig calibrate photodiode) and put back what changed.",
        values={"change_ms": change_ms, **_values(now)},
    )


def photodiode_jitter(context: GateContext) -> GateFinding:
    """Judge the spread of the time from code to light: a display that waits for its frames has hardly any."""
    limit, quality = context.protocol.gates.photodiode_jitter, counted_quality(context)
    expected = f"an interquartile range of {bounds(limit, unit='ms')} of the time from code to light"
    spreads = dict(_spreads_ms(quality))
    if not spreads:
        return finding("photodiode_jitter", "PASS", expected=expected, found="no photodiode: not known", remedy="")
    name = max(spreads, key=lambda one: spreads[one])
    return finding(
        "photodiode_jitter",
        level_of(spreads[name], limit),
        expected=expected,
        found=f"{plain(spreads[name])} ms on {name}",
        remedy="Look whether the display drops frames or does not wait for them (rig check), whether the codes "
        "come late (a busy computer, USB), and whether the photodiode's light is bright enough.",
        values={"spread_ms": spreads[name]},
    )


def _has_light(quality: IngestQuality) -> bool:
    return quality.photodiode_lag_median_ms is not None or any(True for _ in _latencies_ms(quality))


def _latencies_ms(quality: IngestQuality) -> Iterator[tuple[str, float]]:
    """Yield the devices' names and latencies; version 0.1 wrote one for all."""
    for device in quality.devices:
        if device.photodiode_lag_median_ms is not None:
            yield device.name, device.photodiode_lag_median_ms
    if not quality.devices and quality.photodiode_lag_median_ms is not None:
        yield "the recorder", quality.photodiode_lag_median_ms


def _spreads_ms(quality: IngestQuality) -> Iterator[tuple[str, float]]:
    for device in quality.devices:
        if device.photodiode_lag_iqr_ms is not None:
            yield device.name, device.photodiode_lag_iqr_ms
    if not quality.devices and quality.photodiode_lag_iqr_ms is not None:
        yield "the recorder", quality.photodiode_lag_iqr_ms


def _values(latencies_ms: dict[str, float]) -> dict[str, float]:
    return {f"latency_ms_{name}": latency_ms for name, latency_ms in latencies_ms.items()}
