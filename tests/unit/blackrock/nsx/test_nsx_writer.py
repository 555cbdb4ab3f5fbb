"""The NSx writer: streaming, what it refuses, what it says when the disk is full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.errors import StorageError
from tests.unit.blackrock.nsx.nsx_files import SPECIFICATIONS, ramp, write


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_the_writer_holds_one_chunk_at_a_time(tmp_path: Path, specification: str) -> None:
    file = tmp_path / "made.ns6"
    sizes = []
    starts = [0, 20_000, 40_000, 60_000]
    if specification == "3.0-ptp":
        starts = [round(start * 100_000 / 3) for start in starts]

    def chunks():
        for start in starts:
            yield start, ramp(20_000)
            sizes.append(file.stat().st_size)

    write(file, chunks(), specification=specification)
    assert sizes == sorted(set(sizes)), "each chunk was on disk before the next was asked for"
    assert [segment.n_samples for segment in open_samples(file).segments] == [80_000]


@pytest.mark.parametrize(
    ("specification", "chunks", "options"),
    [
        ("2.3", [(-1, ramp(5))], {}),
        ("2.3", [(2**32, ramp(5))], {}),
        ("2.3", [(0, ramp(5).astype(np.int32))], {}),
        ("2.3", [(0, ramp(5, 2))], {}),
        ("2.3", [(np.arange(5), ramp(5))], {}),
        ("2.3", [(0, ramp(5))], {"rate_hz": 7_000.0}),
        ("2.3", [(0, ramp(5))], {"channels": ()}),
        ("2.3", [(0, ramp(5))], {"tick_hz": 44_100}),
        ("2.1", [(0, ramp(5)), (6, ramp(5))], {}),
        ("2.1", [(3, ramp(5))], {}),
        ("2.1", [(0, ramp(5))], {"tick_hz": 1_000_000_000}),
        ("3.0-ptp", [(np.arange(4), ramp(5))], {}),
        ("3.0-ptp", [(np.arange(5) - 1, ramp(5))], {}),
        ("3.0-ptp", [(0, ramp(5))], {"tick_hz": 30_000}),
        ("2.7", [(0, ramp(5))], {}),
    ],
)
def test_the_writer_refuses_what_the_format_cannot_hold(
    tmp_path: Path, specification: str, chunks: list, options: dict
) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(tmp_path / "made.ns6", chunks, specification=specification, **options)


@pytest.mark.parametrize("label", ["µ-electrode", "a label of seventeen"])
def test_the_writer_refuses_labels_that_neo_cannot_read_or_that_would_be_cut(tmp_path: Path, label: str) -> None:
    with pytest.raises(ValueError, match=r"ascii|20 bytes"):
        write(tmp_path / "made.ns6", [(0, ramp(5, 1))], channels=[NsxChannel(1, label)])


def test_ticks_beyond_32_bits_fit_3_0(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(2**40, ramp(5))], specification="3.0")
    assert open_samples(file).segments[0].first_tick == 2**40


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full (Linux)")
def test_a_full_disk_is_said_in_one_line() -> None:
    with pytest.raises(StorageError, match="expected room to write, found the disk full") as caught:
        write(Path("/dev/full"), [(0, ramp(100_000))])
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="expected a writable folder"):
        write(tmp_path / "file" / "made.ns6", [(0, ramp(5))])
