"""What a file's two ends say: whole files of every specification, and each way in which a copy is not whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from closedloop.blackrock.ends import read_ends
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.errors import RecordingError
from closedloop.simulation.sessions import MadeSession, can_have, make_session


def made(folder: Path, specification: str, *faults: str) -> Path:
    wanted = MadeSession(specification=specification, seconds=4, n_channels=2, faults=faults)  # type: ignore[arg-type]
    make_session(folder, wanted, progress=lambda _done, _total: None)
    return folder


@pytest.mark.parametrize("specification", NSX_LAYOUTS)
def test_a_whole_file_has_no_fault_and_spans_the_recording(tmp_path: Path, specification: str) -> None:
    folder = made(tmp_path, specification)
    nev, nsx = read_ends(folder / "array1.nev"), read_ends(folder / "array1.ns6")
    assert (nev.fault, nsx.fault) == ("", "")
    assert nev.application == "closedloop simulated array"
    assert nsx.seconds == pytest.approx(4 + 6.37, abs=0.2)  # the recorder's lead and tail


@pytest.mark.parametrize(
    "fault", ["pause", "reset", "sync_stub", "ptp_gap", "ptp_drift", "out_of_order", "stray_ticks"]
)
def test_what_recorders_do_is_no_fault_of_a_copy(tmp_path: Path, fault: str) -> None:
    specification = next(name for name in ("2.3", "3.0-ptp") if can_have(fault, name))  # type: ignore[arg-type]
    folder = made(tmp_path, specification, fault)
    assert [read_ends(folder / name).fault for name in ("array1.nev", "array1.ns6")] == ["", ""]


def test_a_recorder_that_crashed_left_its_last_block_open(tmp_path: Path) -> None:
    assert "never closed" in read_ends(made(tmp_path, "2.3", "crashed") / "array1.ns6").fault


@pytest.mark.parametrize("specification", NSX_LAYOUTS)
@pytest.mark.parametrize("suffix", [".nev", ".ns6"])
@pytest.mark.parametrize("way", ["cut", "zeros", "empty"])
def test_a_copy_that_is_not_whole_shows_it_at_its_end(
    tmp_path: Path, specification: str, suffix: str, way: str
) -> None:
    file = made(tmp_path, specification) / f"array1{suffix}"
    size = file.stat().st_size
    os.truncate(file, {"cut": size - 1_001, "zeros": size - 2_000, "empty": 0}[way])
    if way == "zeros":
        with file.open("ab") as stream:
            stream.write(bytes(2_000))
    assert read_ends(file).fault


def test_a_hole_in_the_middle_is_found_where_the_file_system_knows_of_it(tmp_path: Path) -> None:
    file = made(tmp_path, "2.3") / "array1.ns6"
    content = file.read_bytes()
    file.unlink()
    with file.open("wb") as stream:
        stream.write(content[: 1 << 18])
        stream.seek(1 << 19)
        stream.write(content[1 << 19 :])
    assert "has not been filled from byte 262144" in read_ends(file).fault


@pytest.mark.parametrize("content", [b"NEURALEV\x02\x03", b"x" * 4_000])
def test_a_header_that_is_cut_or_foreign_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "array1.nev").write_bytes(content)
    with pytest.raises(RecordingError, match=r"array1\.nev: expected"):
        read_ends(tmp_path / "array1.nev")
