"""Generated sessions at the level of arrays: what the rig sent, what each recorder received, and the truth.

The world's time runs from 0. The rig and every recorder have clocks of their own on it, with offsets, drifts, resets
and pauses; words are lost, doubled and flipped on the way; light follows each presentation.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from closedloop.recording.codes import Edges, ReceivedCodes, SentCodes
from closedloop.recording.segments import Segment


@dataclass(frozen=True)
class Line:
    """What becomes of words: probabilities of each, and how late they are."""

    lost: float = 0.01
    doubled: float = 0.01
    flipped: float = 0.001
    jitter_s: float = 0.0001
    copy_after_s: tuple[float, float] = (0.001, 0.045)


@dataclass(frozen=True)
class Device:
    """A recorder: its clock at the world's zero, its drift and residual drift, its resets and pauses in world seconds.

    A reset starts a new clock segment whose clock begins at `restart_s`; nothing is recorded for `reset_takes_s`.
    """

    t0_s: float = 100.0
    ppm: float = 0.0
    residual_drift_ms: float = 0.0
    residual_drift_period_s: float = 7200.0
    resets_s: tuple[float, ...] = ()
    restart_s: float = 0.0
    reset_takes_s: float = 1.0
    pauses_s: tuple[tuple[float, float], ...] = ()
    starts_s: float = -5.0
    stops_s: float | None = None
    tick_hz: int = 30_000
    photodiode: bool = False
    edges_lost: float = 0.0
    flicker_hz: float = 0.0
    dies_s: float = np.inf


@dataclass(frozen=True)
class World:
    """What happened, in world seconds, all arrays of shape (n_sent,)."""

    code: np.ndarray
    world_s: np.ndarray
    light_s: np.ndarray
    launch: np.ndarray
    lit: np.ndarray
    sent: SentCodes


@dataclass(frozen=True)
class Seen:
    """One device's side, and the truth: where each sent word, and its light, lie on its clock.

    `clock_segment` is -1 where the device did not record. `row` says which sent code each received one is a copy of.
    """

    received: ReceivedCodes
    segments: tuple[Segment, ...]
    edges: Edges | None
    clock_segment: np.ndarray
    tick: np.ndarray
    light_clock_segment: np.ndarray
    light_tick: np.ndarray
    arrived: np.ndarray
    flipped: np.ndarray
    copies: int
    light_seen: np.ndarray


def make_world(
    n: int,
    *,
    seed: int,
    n_codes: int = 199,
    first_code: int = 1,
    restarts: int = 0,
    per_trial: int = 6,
    regular: bool = False,
    lag_ms: float = 28.0,
    lag_drift_ms: float = 0.0,
    late_frames: float = 0.0,
    rig_ppm: float = 0.0,
) -> World:
    """Show trials of a start word and some presentations 200 ms apart, with irregular intervals between them.

    Each restart of the rig starts its clock anew, after a pause of 30 s. Codes count up from `first_code` and come
    round after `n_codes` (65,536 and more: they never do; only the wire's 16 bits wrap).
    """
    rng = np.random.default_rng([seed, *b"world"])
    in_trial = np.arange(n) % (per_trial + 1)
    between = np.full(n, 1.0) if regular else np.round(rng.uniform(0.8, 2.5, n) * 60) / 60
    launch = np.arange(n) * (restarts + 1) // n
    world_s = 30.0 * launch + np.cumsum(np.where(in_trial == 0, between, np.where(in_trial == 1, 0.4, 0.2)))
    lit = in_trial > 0
    frames_late = rng.random(n) < late_frames
    lag_s = (lag_ms + lag_drift_ms * np.arange(n) / n + rng.normal(0, 0.05, n)) / 1000 + frames_late / 60
    code = first_code + np.arange(n) % n_codes
    starts = np.array([world_s[launch == k][0] for k in range(restarts + 1)])
    rig_s = (world_s - starts[launch]) * (1 + rig_ppm * 1e-6) + 7.0 * launch
    return World(code, world_s, world_s + lag_s, launch, lit, SentCodes(code, rig_s, launch, lit))


@dataclass(frozen=True)
class _Clock:
    """A device's clock: clock segments, each from a world time to another."""

    device: Device
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]
    _: int = field(default=0)

    def clock_segment(self, world_s: np.ndarray) -> np.ndarray:
        """Clock segment at each time, -1 where nothing was recorded."""
        found = np.full(len(world_s), -1)
        for k, (start, end) in enumerate(zip(self.starts_s, self.ends_s, strict=True)):
            found[(world_s >= start) & (world_s < end)] = k
        for start, end in self.device.pauses_s:
            found[(world_s >= start) & (world_s < end)] = -1
        return found

    def tick(self, world_s: np.ndarray, clock_segment: np.ndarray) -> np.ndarray:
        """Exact tick, with a fraction, counted on the clock of a clock segment."""
        device = self.device
        zero = np.array([*(device.restart_s - start if k else device.t0_s for k, start in enumerate(self.starts_s)), 0])
        residual_s = device.residual_drift_ms / 1000 * np.sin(2 * np.pi * world_s / device.residual_drift_period_s)
        # Whole seconds apart from the rest: nanoseconds since 1970 do not fit a float.
        return (zero[clock_segment] + world_s * (1 + device.ppm * 1e-6) + residual_s) * device.tick_hz


def observe(world: World, device: Device, *, seed: int, line: Line | None = None) -> Seen:
    """Record a world."""
    line = line or Line()
    rng = np.random.default_rng([seed, *b"device"])
    stops_s = float(world.world_s[-1]) + 5.0 if device.stops_s is None else device.stops_s
    starts = (device.starts_s, *(reset + device.reset_takes_s for reset in device.resets_s))
    clock = _Clock(device, starts, (*device.resets_s, stops_s))
    n = len(world.code)
    arrival_s = world.world_s + rng.uniform(0, line.jitter_s, n)
    clock_segment = clock.clock_segment(arrival_s)
    tick = clock.tick(arrival_s, clock_segment)
    light_clock_segment = clock.clock_segment(world.light_s)
    light_tick = clock.tick(world.light_s, np.where(light_clock_segment < 0, clock_segment, light_clock_segment))
    fate = rng.random(n)
    arrived = (clock_segment >= 0) & (fate >= line.lost)
    flip = np.where(rng.random(n) < line.flipped, 1 << rng.integers(0, 8, n), 0)
    doubled = arrived & (fate < line.lost + line.doubled)
    copy_s = arrival_s[doubled] + rng.uniform(*line.copy_after_s, doubled.sum())
    copy_clock_segment = clock.clock_segment(copy_s)
    copies = copy_clock_segment >= 0
    word = world.code & 0xFFFF
    all_clock_segment = np.r_[clock_segment[arrived], copy_clock_segment[copies]]
    all_tick = np.r_[tick[arrived], clock.tick(copy_s, copy_clock_segment)[copies]].round().astype(np.int64)
    all_value = np.r_[(word ^ flip)[arrived], word[doubled][copies]]
    order = np.lexsort((all_tick, all_clock_segment))
    received = ReceivedCodes(all_clock_segment[order], all_tick[order], all_value[order], float(device.tick_hz))
    seen = (
        (light_clock_segment >= 0) & world.lit & (rng.random(n) >= device.edges_lost) & (world.light_s < device.dies_s)
    )
    return Seen(
        received=received,
        segments=_segments(clock, stops_s),
        edges=_edges(clock, world.light_s[seen], rng, stops_s) if device.photodiode else None,
        clock_segment=clock_segment,
        tick=np.round(tick),
        light_clock_segment=light_clock_segment,
        light_tick=light_tick,
        arrived=arrived,
        flipped=arrived & (flip != 0),
        copies=int(copies.sum()),
        light_seen=seen & device.photodiode,
    )


def _segments(clock: _Clock, stops_s: float) -> tuple[Segment, ...]:
    """What was recorded, without the pauses."""
    cuts = sorted({*clock.starts_s, *clock.ends_s, *(edge for pause in clock.device.pauses_s for edge in pause)})
    found = []
    for start, end in itertools.pairwise(cuts):
        clock_segment = clock.clock_segment(np.array([(start + end) / 2]))
        if clock_segment[0] >= 0:
            first, last = (int(np.round(clock.tick(np.array([edge]), clock_segment)[0])) for edge in (start, end))
            found.append(Segment(int(clock_segment[0]), first, last, last - first))
    return tuple(found)


def _edges(clock: _Clock, light_s: np.ndarray, rng: np.random.Generator, stops_s: float) -> Edges:
    """Rising edges: the light's, and a flicker's at any time."""
    start_s = clock.device.starts_s
    flicker_s = rng.uniform(start_s, stops_s, rng.poisson(clock.device.flicker_hz * (stops_s - start_s)))
    edge_s = np.sort(np.r_[light_s, flicker_s])
    clock_segment = clock.clock_segment(edge_s)
    tick = clock.tick(edge_s, clock_segment)[clock_segment >= 0]
    return Edges(clock_segment[clock_segment >= 0], tick)
