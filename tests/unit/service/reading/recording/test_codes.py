"""Codes of a NEV file that comes in pieces are those that the whole file's own reader finds in as much of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.blackrock import NevBatch, NevElectrode, read_nev, write_nev
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.service.reading.recording.codes import CodesReader, CodesSoFar

START = datetime(2026, 5, 6, tzinfo=UTC)


def write(path: Path, code_ticks: Sequence[Sequence[int]], *, specification: str = "2.3", value: int = 7) -> Path:
    """Write a file of spikes and codes; each list of ticks is a run of the clock of its own."""
    batches = [
        NevBatch(
            spike_tick=np.arange(0, max(ticks, default=0) + 1, 500),
            spike_electrode=np.ones(len(range(0, max(ticks, default=0) + 1, 500)), int),
            code_tick=np.array(ticks, int),
            code_value=np.full(len(ticks), value),
        )
        for ticks in code_ticks
    ]
    contacts = [NevElectrode(1, "elec1")]
    write_nev(path, contacts, specification=specification, batches=batches, start=START, in_order=len(code_ticks) == 1)
    return path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("codes")


@pytest.mark.slow
@settings(max_examples=40)
@given(
    specification=st.sampled_from(["2.1", "2.3", "3.0", "3.0-ptp"]),
    parts=st.lists(st.floats(0.2, 1.0), min_size=1, max_size=5).map(sorted),
    seed=st.integers(0, 1000),
)
def test_in_pieces_as_whole(bench: Path, specification: str, parts: list[float], seed: int) -> None:
    ticks = np.sort(np.random.default_rng(seed).integers(0, 60_000, 40)).tolist()
    content = write(bench / "whole.nev", [ticks], specification=specification).read_bytes()
    came = bench / "came.nev"
    came.unlink(missing_ok=True)
    reader = CodesReader(came)
    for part in (*parts, 1.0):
        came.write_bytes(content[: int(part * len(content))])
        found = reader.look()
        expected = read_nev(came).codes
        assert found.n_codes == len(expected)
        assert found.part == 1.0
        if len(expected):
            tick_hz = read_nev_header(came).tick_hz
            assert found.last_s == pytest.approx(expected.tick[-1] / tick_hz)
            assert found.span_s == pytest.approx((expected.tick[-1] - expected.tick[0]) / tick_hz)


def test_a_file_is_read_once_however_often_it_grows(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.nev", [list(range(100, 300_000, 1000))])
    content, header = whole.read_bytes(), read_nev_header(whole)
    came = tmp_path / "came.nev"
    reader = CodesReader(came)
    for step in range(2, 41):
        came.write_bytes(content[: len(content) * step // 40])
        reader.look()
        reader.look()
    n_bytes = header.n_packets * header.packet_bytes
    assert n_bytes <= reader.n_bytes_read <= n_bytes + 3 * 40 * header.packet_bytes


def test_a_large_file_is_counted_over_looks_and_its_last_code_is_known_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "large.nev", [list(range(100, 3_000_000, 1000))])
    header = read_nev_header(path)
    reader = CodesReader(path, most_bytes=1000 * header.packet_bytes)
    looks = [reader.look()]
    assert 0 < looks[0].part < 1
    while looks[-1].part < 1:
        before = reader.n_bytes_read
        looks.append(reader.look())
        assert reader.n_bytes_read - before <= 1000 * header.packet_bytes + (1 << 20) + 2 * header.packet_bytes
    assert {look.last_s for look in looks} == {2_999_100 / 30_000}
    assert looks[-1].n_codes == 3000
    assert [look.n_codes for look in looks] == sorted(look.n_codes for look in looks)


def test_a_reset_of_the_clock_begins_another_run_and_the_spans_add_up(tmp_path: Path) -> None:
    found = CodesReader(write(tmp_path / "reset.nev", [[30_000, 90_000], [120_000, 210_000]])).look()
    assert (found.n_codes, found.span_s) == (4, 2.0 + 3.0)


def test_codes_of_zero_are_the_lines_going_back(tmp_path: Path) -> None:
    assert CodesReader(write(tmp_path / "zero.nev", [[30, 60]], value=0)).look().n_codes == 0


def test_room_that_a_copy_took_and_has_not_filled_is_waited_for(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.nev", [list(range(100, 60_000, 500))]).read_bytes()
    came = tmp_path / "came.nev"
    half = len(content) // 2
    came.write_bytes(content[:half] + bytes(len(content) - half))
    reader = CodesReader(came)
    found = reader.look()
    assert 0 < found.n_codes < 120
    assert found.part < 0.6
    came.write_bytes(content)
    assert reader.look().n_codes == 120


def test_another_recording_in_its_place_is_counted_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "array1.nev", [list(range(100, 60_000, 500))])
    reader = CodesReader(path)
    assert reader.look().n_codes == 120
    other = write(tmp_path / "other.nev", [list(range(150, 90_000, 300))])
    other.replace(path)
    assert reader.look().n_codes == 300
    path.unlink()
    assert reader.look() == CodesSoFar()


@pytest.mark.parametrize("content", [b"", b"NEURALEV", b"x" * 5000, b"NEURALEV\x02\x03" + b"\xff" * 5000])
def test_what_is_no_whole_nev_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "array1.nev"
    path.write_bytes(content)
    found = CodesReader(path).look()
    assert found.fault
    assert found.n_codes == 0
