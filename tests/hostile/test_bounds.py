"""What would take more time or memory than there is ends in one line before it is begun."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.blackrock.companions import companion_of
from closedloop.blackrock.info import read_info
from closedloop.blackrock.maps import read_array_map
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.header import NevElectrode, read_nev_header
from closedloop.blackrock.nev.runs import find_runs
from closedloop.blackrock.nev.survey import survey_nev
from closedloop.blackrock.nev.writer import write_nev
from closedloop.blackrock.nsx.header import NsxChannel, read_nsx_header
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.errors import ClosedLoopError, ImageError, RecordingError
from closedloop.stimuli.decoding import check_decodes, load_square, read_image, square_of
from tests.unit.messages import refused

_START = datetime(2024, 5, 6, tzinfo=UTC)
_SPIKE, _COMMENT, _RECORDING_EVENT = 1, 65535, 65529

READERS: list[Callable[[Path], object]] = [
    read_nsx_header,
    read_nev_header,
    read_info,
    read_array_map,
    companion_of,
    read_image,
    lambda path: load_square(path, side_px=32),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_a_pipe_a_socket_a_device_and_a_folder_are_refused_unopened(
    tmp_path: Path, read: Callable[[Path], object], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has room for a hundred characters
    path = Path("day.png")
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            path.mkdir()
    with pytest.raises(ClosedLoopError, match=r"day\.png: expected .* found"):
        read(path)


def nev_of(folder: Path, n: int, *, tick: np.ndarray, kind: int | np.ndarray, specification: str = "2.3") -> Path:
    """Write packets of a kind with these ticks."""
    file = folder / "made.nev"
    write_nev(file, [NevElectrode(1, "elec1")], specification=specification, batches=[], start=_START)
    header = read_nev_header(file)
    packets = np.zeros(n, header.layout.packet_head(header.packet_bytes))
    packets["tick"], packets["kind"] = tick, kind
    with file.open("ab") as stream:
        stream.write(packets.tobytes())
    return file


def test_a_nev_of_nothing_but_recording_events_is_refused(tmp_path: Path) -> None:
    file = nev_of(tmp_path, 50_001, tick=np.arange(50_001) * 300, kind=_RECORDING_EVENT, specification="3.0")
    with refused(RecordingError, file, "50000 events of recording"):
        read_nev(file)


def test_a_nev_with_more_comments_than_anybody_makes_is_refused(tmp_path: Path) -> None:
    file = nev_of(tmp_path, 200_001, tick=np.arange(200_001) * 300, kind=_COMMENT)
    with refused(RecordingError, file, "at most 200000 comments, found 200001"):
        read_nev(file)


def test_a_nev_of_which_every_other_packet_is_zeros_is_refused(tmp_path: Path) -> None:
    place = np.arange(20_003)
    file = nev_of(tmp_path, 20_003, tick=np.where(place % 2, 0, place * 300 + 1), kind=np.where(place % 2, 0, _SPIKE))
    with refused(RecordingError, file, "10000 holes of zeros, found 10001"):
        survey_nev(file).gaps()


def test_strays_are_set_aside_one_by_one_wherever_blocks_begin() -> None:
    ticks = np.arange(40_000) * 300 + 10**7
    strays = np.arange(6, 40_000, 7)
    ticks[strays] -= 10**6
    found = find_runs([ticks], tick_hz=30_000)
    assert len(found.runs) == 1
    assert found.strays.tolist() == strays.tolist()
    assert found.runs[0].n_packets == 40_000 - len(strays)


@pytest.mark.slow
def test_a_nev_of_which_every_seventh_time_stamp_is_absurd_is_refused_in_seconds() -> None:
    ticks = np.arange(7 * 200_100) * 300 + 10**7
    ticks[6::7] -= 10**6
    with refused(RecordingError, "ticks", "200000 places"):
        find_runs([ticks], tick_hz=30_000)


def nsx_header(file: Path, *, n_channels: int = 1) -> bytes:
    channels = [NsxChannel(number, f"elec{number}") for number in range(1, n_channels + 1)]
    samples = np.zeros((0, n_channels), np.int16)
    write_nsx(file, channels, rate_hz=30_000, specification="2.3", chunks=[(0, samples)], start=_START)
    layout = NSX_LAYOUTS["2.3"]
    return file.read_bytes()[: layout.basic_header.itemsize + n_channels * layout.channel_header.itemsize]


def test_an_nsx_of_empty_blocks_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "made.ns6"
    block = bytes([1]) + bytes(8)
    file.write_bytes(nsx_header(file) + block * 100_002)
    with refused(RecordingError, file, "100000 data blocks without a sample"):
        read_nsx_header(file)


def test_an_nsx_of_more_channels_than_have_numbers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "made.ns6"
    header = bytearray(nsx_header(file))
    channel = header[314:]
    n_channels = 32_769
    header[10:14] = (314 + n_channels * len(channel)).to_bytes(4, "little")
    header[310:314] = n_channels.to_bytes(4, "little")
    file.write_bytes(bytes(header) + bytes(channel) * (n_channels - 1))
    with refused(RecordingError, file, "at most 32768 channels, found 32769"):
        read_nsx_header(file)


def test_an_image_that_has_the_pixels_but_no_room_is_refused_by_its_header(tmp_path: Path) -> None:
    file = tmp_path / "wide.png"
    Image.new("1", (9_000, 9_000)).save(file)  # 10 kB, within Pillow's own limit
    for decode in (check_decodes, square_of):
        with refused(ImageError, file, "at most 45 million pixels, found 9000 x 9000", "Save it smaller"):
            decode(file.read_bytes(), file, side_px=224)


def test_a_large_photograph_that_has_room_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (3_000, 2_000), (10, 20, 30)).save(tmp_path / "large.jpg", quality=95)
    assert load_square(tmp_path / "large.jpg", side_px=32).mean(axis=(0, 1)).round().tolist() == [10, 20, 30]


def test_what_pillow_says_of_damage_reaches_no_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    file = tmp_path / "noise.tif"
    Image.fromarray(noise).save(file, compression="tiff_deflate")
    content = bytearray(file.read_bytes())
    content[40:60] = b"\xaa" * 20
    with refused(ImageError, file, "not a readable image"):
        check_decodes(bytes(content), file, side_px=32)
    assert capfd.readouterr() == ("", "")
