"""Spikes that were lost are unknown, never no spikes: holes of zeros in a .nev, banks and electrodes that stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.errors import RecordingError
from closedloop.stages.ingest.sites import refuse_a_day_without_differences
from tests.unit.days import stimulus, write_stimuli
from tests.unit.messages import refused
from tests.unit.stages.ingest.recorded_days import LEAD_S, N_IMAGES, SHOWN, TICK_HZ, onset_s
from tests.unit.stages.ingest.test_not_recorded import STOP_S, Recorded, answer, day, window_ends_s

BLOCK = 512  # bytes: of a disk, and of a copy
IN_A_GAP = "touches a gap of the recorder's spikes (NEV)"


def change_packets(change: Callable[[NDArray[np.void], NDArray[np.bool_]], NDArray[np.void]]) -> Callable[[Path], None]:
    """Return what rewrites the packets of array1.nev, by their heads and which are spikes."""

    def rewrite(folder: Path) -> None:
        file = folder / "array1.nev"
        header = read_nev_header(file)
        data = file.read_bytes()
        packets = np.frombuffer(data[header.header_bytes :], header.layout.packet_head(header.packet_bytes))
        kept = change(packets, (packets["kind"] > 0) & (packets["kind"] < 65000))
        file.write_bytes(data[: header.header_bytes] + kept.tobytes())

    return rewrite


def without(stopped: Callable[[NDArray[np.integer]], NDArray[np.bool_]], from_s: float) -> Callable[[Path], None]:
    """Return what takes the spikes of some electrodes out of array1.nev from some second on."""
    return change_packets(
        lambda packets, spike: packets[~(spike & stopped(packets["kind"]) & (packets["tick"] > from_s * TICK_HZ))]
    )


def zeros(*blocks: int) -> Callable[[Path], None]:
    """Return what fills blocks of array1.nev with zeros, as an unfinished copy leaves them."""

    def fill(folder: Path) -> None:
        file = folder / "array1.nev"
        data = bytearray(file.read_bytes())
        for block in blocks:
            data[block * BLOCK : (block + 1) * BLOCK] = bytes(BLOCK)
        file.write_bytes(data)

    return fill


@pytest.mark.parametrize("block", [100, 101, 102, 103, 104, 105, 106, 107])
def test_a_hole_of_one_block_of_zeros_is_a_gap_whatever_its_length(tmp_path: Path, block: int) -> None:
    whole = answer(day(tmp_path / "whole"), Recorded()).counts
    found = answer(day(tmp_path / "holed"), Recorded(), afterwards=zeros(block))
    unknown = np.isnan(found.counts).all(axis=1)
    np.testing.assert_array_equal(found.counts[~unknown], whole[~unknown])
    assert unknown.sum() <= 2
    assert set(found.table["reason"][unknown].tolist()) <= {IN_A_GAP}
    assert "1 hole of zeros" in found.remarks


def test_no_spike_is_lost_in_many_small_holes_of_zeros(tmp_path: Path) -> None:
    made = [day(tmp_path / name) for name in ("whole", "holed")]
    whole = answer(made[0], Recorded()).counts
    found = answer(made[1], Recorded(), afterwards=zeros(*range(100, 700, 60)))
    unknown = np.isnan(found.counts).all(axis=1)
    assert 4 <= unknown.sum() <= 20
    np.testing.assert_array_equal(found.counts[~unknown], whole[~unknown])
    assert found.quality.set_aside == {IN_A_GAP: unknown.sum()}
    assert "10 holes of zeros" in found.remarks


BOTH_BANKS = tuple(range(25, 41))  # eight electrodes of each


def test_a_bank_whose_spikes_stop_is_unknown_from_there_on(tmp_path: Path) -> None:
    recorded = Recorded(contacts=BOTH_BANKS, ns6=())
    found = answer(day(tmp_path), recorded, afterwards=without(lambda electrode: electrode > 32, 11.0))
    after = window_ends_s() > 11.05
    assert np.isfinite(found.counts[:, :8]).all()
    np.testing.assert_array_equal(np.isnan(found.counts[:, 8:]), np.repeat(after[:, None], 8, axis=1))
    reason = "8 of 16 electrodes: the recorder's spikes (NEV) end before it"
    assert found.quality.devices[0].used_in_part == {reason: np.count_nonzero(after)}
    assert "8 electrodes from 33 to 40, a bank: the recorder's spikes (NEV) end 9.5 s before" in found.remarks
    assert "from some moment to the end" not in found.remarks


def test_two_whole_banks_are_used_without_a_word(tmp_path: Path) -> None:
    found = answer(day(tmp_path), Recorded(contacts=BOTH_BANKS, ns6=()))
    assert np.isfinite(found.counts).all()
    assert found.remarks == ""


def test_the_busiest_electrode_of_a_bank_is_no_bank_and_its_end_is_said(tmp_path: Path) -> None:
    contacts = (*range(1, 33), *([33] * 32), 34)  # of the second bank's spikes nearly all are electrode 33's
    recorded = Recorded(contacts=tuple(dict.fromkeys(contacts)), ns6=())

    def busiest_stops(packets: NDArray[np.void], spike: NDArray[np.bool_]) -> NDArray[np.void]:
        rare = spike & (packets["kind"] == 34) & (np.cumsum(packets["kind"] == 34) % 20 > 0)
        stopped = spike & (packets["kind"] == 33) & (packets["tick"] > 11.0 * TICK_HZ)
        return packets[~(rare | stopped)]

    found = answer(day(tmp_path), recorded, afterwards=change_packets(busiest_stops))
    assert np.isfinite(found.counts).all()
    assert "1 electrode without a spike from some moment to the end, for at least 9.5 s (33)" in found.remarks
    assert "a bank" not in found.remarks


def test_a_part_of_a_bank_that_stops_is_said_and_counted(tmp_path: Path) -> None:
    recorded = Recorded(contacts=tuple(range(1, 9)), ns6=())
    found = answer(day(tmp_path), recorded, afterwards=without(lambda electrode: electrode > 4, 0.5 * STOP_S))
    assert np.isfinite(found.counts).all()
    assert "4 electrodes without a spike from some moment to the end" in found.remarks
    assert "(5, 6, 7, 8): counted as no spikes" in found.remarks


def test_a_first_day_that_cannot_be_put_on_one_scale_is_refused_in_a_line(tmp_path: Path) -> None:
    made = day(tmp_path)
    shown_s = [LEAD_S + onset_s(int(n)) for n in np.flatnonzero(SHOWN >= 20)]

    def silent_on_normalizers(folder: Path) -> None:
        rows = [stimulus("clean", "clean" if place < 20 else "normalizer", place) for place in range(N_IMAGES)]
        write_stimuli(made.paths, 0, rows)

        def kept(packets: NDArray[np.void], spike: NDArray[np.bool_]) -> NDArray[np.void]:
            after_s = packets["tick"][:, None] / TICK_HZ - np.array(shown_s)
            return packets[~(spike & ((after_s > 0.06) & (after_s < 0.18)).any(axis=1))]

        change_packets(kept)(folder)

    with refused(RecordingError, made.published("recording"), "differ among the 4 normalizer images", "found none"):
        answer(made, Recorded(ns6=()), afterwards=silent_on_normalizers)


def test_normalizers_that_no_site_tells_apart_are_refused_though_other_images_differ(tmp_path: Path) -> None:
    stimuli = {"kind": np.array(["clean"] * 4), "role": np.array(["clean", "clean", "normalizer", "normalizer"])}
    shown = np.array([0, 1, 2, 3])
    with refused(RecordingError, tmp_path, "the 2 normalizer images", "none among 1 (5 spikes", "replace-recording"):
        refuse_a_day_without_differences(np.array([[1.0], [2.0], [1.0], [1.0]]), shown, stimuli, folder=tmp_path)
    refuse_a_day_without_differences(np.array([[1.0], [2.0], [1.0], [3.0]]), shown, stimuli, folder=tmp_path)
