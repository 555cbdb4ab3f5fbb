"""`closedloop recording codes`: edges by bit, with what is known of the state before, and serial codes apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nev.events import read_nev
from closedloop.commands.recording_files.extracts import codes as command
from closedloop.errors import OptionError
from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.unit.blackrock.nev.nev_files import batch, write
from tests.unit.commands.recording_runs import rows_of, run
from tests.unit.messages import refused


def edges_of(table: Path) -> list[tuple]:
    """Tick, bit, edge, whether it is certain; of a serial code its value."""
    return [
        (row["tick"], row["value"], "serial")
        if row["port"] == "serial"
        else (row["tick"], row["bit"], row["edge"], row["certain"])
        for row in rows_of(table)
    ]


def test_each_line_that_changes_is_a_row_and_serial_codes_stand_apart(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(40, 1)], [(30, 0b101), (60, 0b001), (90, 0x8001)], serial=[(45, 13)]))
    said = run("codes", file, "--out", tmp_path / "c.parquet")
    assert edges_of(tmp_path / "c.parquet") == [
        (30, 0, "rising", False),  # the state before the first code is not known
        (30, 2, "rising", False),
        (45, 13, "serial"),
        (60, 2, "falling", True),
        (90, 15, "rising", True),
    ]
    first = rows_of(tmp_path / "c.parquet")[0]
    assert first == {
        "epoch": 0, "tick": 30, "time_s": 0.001, "port": "parallel", "bit": 0, "edge": "rising", "value": 5,
        "certain": False,
    }  # fmt: skip
    assert "3 codes of the parallel port, 3 rising and 1 falling edges; 1 codes of the serial port" in said
    assert "bit 2: 1 rising, 1 falling" in said
    assert "the header names 'digin': the parallel port" in said
    assert "2 edges are not certain" in said


def test_after_a_pause_the_state_before_is_not_certain_and_after_a_reset_not_known(tmp_path: Path) -> None:
    first = batch(codes=[(30, 1), (90_000, 0), (90_030, 1)], pauses=[(3_000, 60_000)])
    second = batch(codes=[(60, 3)])
    file = write(tmp_path / "made.nev", first, second, specification="3.0", in_order=False)
    run("codes", file, "--out", tmp_path / "c.parquet")
    rows = rows_of(tmp_path / "c.parquet")
    assert [(row["epoch"], *edge) for row, edge in zip(rows, edges_of(tmp_path / "c.parquet"), strict=True)] == [
        (0, 30, 0, "rising", False),
        (0, 90_000, 0, "falling", False),  # somewhere in the pause or now
        (0, 90_030, 0, "rising", True),
        (1, 60, 0, "rising", False),  # not against the value of the clock segment before
        (1, 60, 1, "rising", False),
    ]


def test_a_repeated_code_is_no_edge_and_is_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(30, 7), (60, 7), (90, 7)]))
    said = json.loads(run("codes", file, "--out", tmp_path / "c.parquet", "--json"))
    assert (said["n_codes"], said["n_repeated"]) == (3, 2)
    assert said["bits"][2] == {"bit": 2, "n_rising": 1, "n_falling": 0}
    assert len(rows_of(tmp_path / "c.parquet")) == 3


def test_a_part_of_the_time_knows_the_state_from_what_came_before(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(30, 1), (30_000, 3), (60_000, 2), (90_000, 0)]))
    run("codes", file, "--out", tmp_path / "c.parquet", "--time", "1-3")
    assert edges_of(tmp_path / "c.parquet") == [(30_000, 1, "rising", True), (60_000, 0, "falling", True)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 65535), max_size=30))
def test_the_rows_rebuild_the_codes(tmp_path: Path, values: list[int]) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(30 * k, value) for k, value in enumerate(values)]))
    run("codes", file, "--out", tmp_path / "c.parquet")
    state, seen = 0, dict.fromkeys((30 * k for k in range(len(values))), None)
    rows = rows_of(tmp_path / "c.parquet")
    for tick in seen:
        for row in (row for row in rows if row["tick"] == tick):
            state ^= 1 << row["bit"]
            assert row["edge"] == ("rising" if state >> row["bit"] & 1 else "falling")
        seen[tick] = state
    assert list(seen.values()) == read_nev(file).codes.value.tolist() == values


def test_text_holds_the_same_with_empty_cells(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(30, 1)], serial=[(60, 200)]))
    run("codes", file, "--out", tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().splitlines() == [
        '"epoch","tick","time_s","port","bit","edge","value","certain"',
        '0,30,0.001,"parallel",0,"rising",1,false',
        '0,60,0.002,"serial",,,200,true',
    ]


def test_many_codes_in_many_parts_keep_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_GROUP_ROWS", 10_000)
    n = 40_000
    values = np.arange(n) % 65536
    file = write(tmp_path / "made.nev", batch(codes=list(zip(range(0, 300 * n, 300), values.tolist(), strict=True))),
                 waveform_samples=100)  # fmt: skip
    said = json.loads(run("codes", file, "--out", tmp_path / "c.parquet", "--json"))
    changed = np.bitwise_xor(values[1:], values[:-1])
    expected = sum(int(value).bit_count() for value in changed)
    assert sum(one["n_rising"] + one["n_falling"] for one in said["bits"]) == expected
    assert said["n_uncertain"] == 0  # the first value is 0, like the state that is assumed
    assert pq.ParquetFile(tmp_path / "c.parquet").num_row_groups > 2


def test_simulated_codes_keep_their_mark(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(5, 1)]), application=SIMULATED_APPLICATION)
    run("codes", file, "--out", tmp_path / "c.parquet")
    metadata = pq.read_schema(tmp_path / "c.parquet").metadata
    assert (metadata[b"simulated"], metadata[b"kind"], metadata[b"tick_hz"]) == (b"true", b"digital_edges", b"30000")


def test_a_recorders_file_is_never_written_to(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(5, 1)]))
    with refused(OptionError, f"--out {file}", "never written to"):
        run("codes", file, "--out", file)
    with pytest.raises(OptionError, match=r"\.parquet or \.csv"):
        run("codes", file, "--out", tmp_path / "c.txt")
