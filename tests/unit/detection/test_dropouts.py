"""Runs in which a whole bank stands still are no noise, have no crossings and are told; from 10 ms on they are gaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.detection.crossings import PieceCrossings, crossings, detector_of, pieces_of
from closedloop.detection.definitions import DEFINITIONS
from closedloop.detection.dropouts import BankDropout, dropout_lines, dropouts_in_ticks
from closedloop.detection.spikes import detect
from closedloop.recording.banks import banks_of
from closedloop.recording.source import ArraySource

RATE_HZ = 30_000
STILL = 300  # 10 ms
WINDOW_S = 2.0
RULES = {name: replace(rule, threshold_s=WINDOW_S) for name, rule in DEFINITIONS.items()}


def noise(seconds: float, n_channels: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(100, 40, (round(seconds * RATE_HZ), n_channels)).astype(np.int16)


def pieces_found(volts: np.ndarray, name: str = "dicarlo", ids: list[int] | None = None) -> list[PieceCrossings]:
    source = ArraySource((volts,))
    ids = ids or list(range(1, volts.shape[1] + 1))
    return list(crossings(detector_of(source, RULES[name], electrode_ids=ids), pieces_of(source, RULES[name])))


def gone(volts: np.ndarray, ids: list[int] | None = None) -> list[tuple[int, int, int]]:
    """Give bank, first tick and end of every dropout that is a gap."""
    return [(one.bank, one.first_tick, one.end_tick) for one in dropouts(volts, ids) if not one.is_short]


def bridged(volts: np.ndarray, ids: list[int] | None = None) -> list[tuple[int, int, int]]:
    """Give the same of every short one."""
    return [(one.bank, one.first_tick, one.end_tick) for one in dropouts(volts, ids) if one.is_short]


def dropouts(volts: np.ndarray, ids: list[int] | None) -> tuple[BankDropout, ...]:
    found = [(one.piece.segment, dropout) for one in pieces_found(volts, ids=ids) for dropout in one.dropouts]
    return dropouts_in_ticks(ArraySource((volts,)), found)


def by_hand(volts: np.ndarray, banks: np.ndarray) -> list[tuple[int, int, int]]:
    """Look at every sample of the whole recording."""
    found = []
    for bank in np.unique(banks).tolist():
        still = np.concatenate([[0], (np.diff(volts[:, banks == bank], axis=0) == 0).all(axis=1), [0]]).astype(int)
        starts, stops = np.flatnonzero(np.diff(still) == 1), np.flatnonzero(np.diff(still) == -1) + 1
        runs = [(int(a), int(b)) for a, b in zip(starts, stops, strict=True) if b - a >= STILL]
        joined: list[list[int]] = []
        for a, b in ((max(a - STILL, 0), min(b + STILL, len(volts))) for a, b in runs):
            if joined and a <= joined[-1][1]:
                joined[-1][1] = b
            else:
                joined.append([a, b])
        found += [(bank, a, b) for a, b in joined]
    return found


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("share", [0.2, 0.4, 0.49, 0.8])
def test_zeros_lower_no_threshold(name: str, share: float) -> None:
    """With 20 to 49 % zeros a window had 7 to 60 times the crossings."""
    clean = noise(WINDOW_S)
    dropped = clean.copy()
    n = round(share * len(clean))
    for part in range(4):  # four runs
        start = (2 * part + 1) * len(clean) // 8 - n // 8
        dropped[start : start + n // 4] = 0
    (before,), (found,) = pieces_found(clean, name), pieces_found(dropped, name)
    np.testing.assert_allclose(found.noise, before.noise, rtol=0.03 if share < 0.8 else 0.1)
    rest = np.ones(len(clean), bool)
    for _, first, end in gone(dropped):
        rest[first:end] = False
    assert rest[found.sample].all()
    # Outside, what was found before is found again, but for what lies at the threshold, which moved by a few percent.
    pairs = [set(zip(one.sample.tolist(), one.channel.tolist(), strict=True)) for one in (before, found)]
    expected = {pair for pair in pairs[0] if rest[pair[0]]}
    assert len(expected ^ pairs[1]) <= (0.15 if share < 0.8 else 0.4) * len(expected) + 4


def test_the_example_of_four_channels_in_ten_seconds() -> None:
    volts = noise(10.0)
    whole = len(detect(ArraySource((volts,)), DEFINITIONS["dicarlo"], electrode_ids=[1, 2, 3, 4]))
    for share in (0.2, 0.4, 0.49):
        dropped = volts.copy()
        dropped[60_000 : 60_000 + round(share * len(volts))] = 0
        n = len(detect(ArraySource((dropped,)), DEFINITIONS["dicarlo"], electrode_ids=[1, 2, 3, 4]))
        assert n == pytest.approx((1 - share) * whole, rel=0.08)


@pytest.mark.parametrize(("n_still", "expected"), [(299, False), (300, True), (301, True)])
def test_a_run_counts_from_ten_milliseconds_on(n_still: int, expected: bool) -> None:
    for start in range(20_000, 20_080, 7):  # however it lies among the rows that are looked at
        volts = noise(1.0)
        volts[start : start + n_still] = volts[start]
        assert bool(gone(volts)) is expected
        if expected:
            assert gone(volts) == [(0, start - STILL, start + n_still + STILL)]


def test_a_single_electrode_that_stands_still_is_no_dropout_of_its_bank() -> None:
    volts = noise(1.0, n_channels=32)
    volts[9_000:12_000, :31] = 5
    assert gone(volts) == []


def test_banks_drop_out_on_their_own() -> None:
    volts, ids = noise(2 * WINDOW_S, n_channels=6), [1, 2, 32, 33, 34, 70]
    volts[30_000:36_000, 3:5] = -7
    assert gone(volts, ids) == [(1, 30_000 - STILL, 36_000 + STILL)]
    alone, together = pieces_found(volts[:, :3], ids=ids[:3]), pieces_found(volts, ids=ids)
    for one, other in zip(alone, together, strict=True):
        own = other.channel < 3
        np.testing.assert_array_equal(one.sample, other.sample[own])
        np.testing.assert_array_equal(one.noise, other.noise[:3])


@settings(max_examples=25, deadline=None)
@given(
    runs=st.lists(
        st.tuples(st.integers(0, 149_000), st.integers(3, 60) | st.integers(STILL, 9_000), st.sampled_from([0, 1, 2])),
        max_size=4,
    ),
    at_edges=st.sampled_from([(), (59_850, 60_150), (59_990, 60_290), (59_500, 59_990), (0, 310), (149_600, 150_000)]),
)
def test_dropouts_are_those_that_a_look_at_every_sample_finds(
    runs: list[tuple[int, int, int]], at_edges: tuple[int, ...]
) -> None:
    volts, ids = noise(5.0, n_channels=5), [1, 7, 33, 40, 64]
    columns = {0: slice(0, 2), 1: slice(2, 5), 2: slice(0, 5)}
    for start, length, which in runs:
        volts[start : start + length, columns[which]] = 3
    if at_edges:
        volts[slice(*at_edges)] = 3
    assert gone(volts, ids) == by_hand(volts, banks_of(ids))


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 4), max_size=3), chunk=st.sampled_from([None, 777, 4096, 50_000]))
@pytest.mark.parametrize("name", sorted(RULES))
def test_neither_chunks_nor_workers_make_a_difference(name: str, cuts: list[int], chunk: int | None) -> None:
    volts = noise(9.0, n_channels=5)
    for start, stop in ((10_000, 30_000), (59_000, 61_000), (118_000, 183_000), (190_000, 190_150), (269_800, 270_000)):
        volts[start:stop, :3] = 0
    source, ids = ArraySource((volts,)), [1, 2, 3, 40, 41]
    expected = pieces_found(volts, name, ids)
    pieces = pieces_of(source, RULES[name])
    found: list[PieceCrossings] = []
    for first, last in pairwise([0, *sorted(cuts), len(pieces)]):
        detector = detector_of(source, RULES[name], electrode_ids=ids, chunk_samples=chunk)
        found += crossings(detector, pieces[first:last])
    for one, other in zip(expected, found, strict=True):
        assert one.dropouts == other.dropouts
        for part in ("sample", "channel", "noise"):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_after_a_window_of_which_nothing_was_measured_the_next_has_its_own_threshold() -> None:
    """An online threshold comes from the window before; a dropout there would have let no spike pass."""
    volts = noise(3 * WINDOW_S, n_channels=3)
    window = round(WINDOW_S * RATE_HZ)
    volts[window - 500 : 2 * window + 500] = 0
    first, nothing, third = pieces_found(volts, "causal")
    assert len(first.sample) > 0 == len(nothing.sample)
    assert (nothing.noise == 0).all()
    assert third.noise == pytest.approx(first.noise, rel=0.05)
    assert len(third.sample) == pytest.approx(len(first.sample), rel=0.6)


def test_what_was_a_dropout_is_said_in_a_line_a_bank() -> None:
    volts, ids = noise(2 * WINDOW_S, n_channels=4), [1, 2, 3, 40]
    volts[6_000:9_000, :3] = 0
    volts[70_000:73_000, :3] = 0
    volts[90_000:96_000, 3] = 8
    source = ArraySource((volts,))
    found = [(one.piece.segment, dropout) for one in pieces_found(volts, ids=ids) for dropout in one.dropouts]
    assert dropout_lines(dropouts_in_ticks(source, found), ids, 30_000) == [
        "all 3 electrodes from 1 to 3 stood still 2 times, 0.24 s in all: a dropout, taken for a gap of the recording",
        "electrode 40 stood still once, 0.22 s in all: a dropout, taken for a gap of the recording",
    ]


def test_a_bank_that_was_never_connected_costs_the_others_nothing() -> None:
    volts, ids = noise(2 * WINDOW_S, n_channels=4), [1, 2, 33, 34]
    volts[:, 2:] = 0
    assert gone(volts, ids) == [(1, 0, len(volts))]
    for one in pieces_found(volts, ids=ids):
        assert one.noise[2:].tolist() == [0, 0]
        assert one.noise[:2] == pytest.approx(one.noise[0], rel=0.05)
        assert len(one.sample) > 50


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize(("n_still", "every"), [(150, 3_000), (30, 3_000), (227, 4_555), (290, 6_000)])
@pytest.mark.parametrize("offset", [0, 900])
def test_short_runs_lower_no_threshold_either(name: str, n_still: int, every: int, offset: int) -> None:
    """With 5 ms of zeros every 100 ms 10,780 crossings became 15,602, and nothing was said."""
    clean = noise(5 * WINDOW_S) + np.int16(offset)  # a step of many bits rings
    volts, starts = clean.copy(), range(1_500, len(clean) - n_still, every)
    for start in starts:
        volts[start : start + n_still] = 0
    assert bridged(volts) == [(0, start, start + n_still) for start in starts]
    assert gone(volts) == []
    rest = np.ones(len(clean), bool)
    for _, first, end in bridged(volts):
        rest[first:end] = False
    n_before = n_found = 0
    factor = {"dicarlo": 0.02, "zero_phase_butter": 0.15, "causal": 0.15}[name]  # of some 27 crossings three are many
    for before, found in zip(pieces_found(clean, name), pieces_found(volts, name), strict=True):
        np.testing.assert_allclose(found.noise, before.noise, rtol=0.02)
        assert rest[found.sample].all()
        n_before, n_found = n_before + np.count_nonzero(rest[before.sample]), n_found + len(found.sample)
    assert n_found == pytest.approx(n_before, rel=factor)


@pytest.mark.parametrize(("sd", "n_channels"), [(0.5, 2), (0.5, 12), (2, 2), (2, 4), (6, 2), (40, 2), (40, 8)])
@pytest.mark.parametrize("shared", [0, 0.9, 1])
def test_noise_itself_is_never_a_short_run(sd: float, n_channels: int, shared: float) -> None:
    """However few bits it has, and however alike the electrodes are."""
    rng = np.random.default_rng(4)
    own, common = rng.normal(0, sd, (300_000, n_channels)), rng.normal(0, sd, (300_000, 1))
    volts = (np.sqrt(1 - shared) * own + np.sqrt(shared) * common).round().astype(np.int16)
    assert bridged(volts) == []


def test_short_runs_that_make_up_a_tenth_of_the_time_are_gaps() -> None:
    volts = noise(2 * WINDOW_S)
    for start in (30_000, 30_600, 90_000, 94_000):
        volts[start : start + 150] = 7
    assert gone(volts) == [(0, 30_000 - STILL, 30_750 + STILL)]
    assert bridged(volts) == [(0, start, start + 150) for start in (90_000, 94_000)]


def test_the_line_over_a_short_hole_is_no_run() -> None:
    """All samples of a line may be alike; they were told already."""
    volts, holes = noise(WINDOW_S), np.concatenate([np.arange(at, at + 20) for at in range(1_000, 59_000, 1_000)])
    volts[holes] = 100

    class Bridged(ArraySource):
        def bridged(self, segment: int, start: int, stop: int) -> np.ndarray:
            return holes[(holes >= start) & (holes < stop)]

    source = Bridged((volts,))
    (found,) = crossings(
        detector_of(source, RULES["dicarlo"], electrode_ids=[1, 2, 3, 4]), pieces_of(source, RULES["dicarlo"])
    )
    assert found.dropouts == ()


def test_short_runs_are_said_with_their_number() -> None:
    volts, ids = noise(2 * WINDOW_S), [1, 2, 3, 4]
    volts[6_000:6_240] = volts[70_000:70_240] = 0
    assert dropout_lines(dropouts(volts, ids), ids, 30_000) == [
        "all 4 electrodes from 1 to 4 stood still 2 times, 0.02 s in all: dropouts shorter than 10 ms, bridged: no "
        "part of the noise, and without crossings",
    ]
