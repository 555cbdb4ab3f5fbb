"""The line as the firmware, the rig and the page have it: one protocol."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.ports.microcontroller.frames import BOARDS, PROTOCOL, REASONS, Frame, FrameReader, FrameType, encode
from rig.ports.microcontroller.line import BAUD

ROOT = Path(__file__).parents[4]
FIRMWARE = (ROOT / "rig/firmware/firmware.c").read_text()
BOARD = (ROOT / "rig/firmware/board.h").read_text()
PAGE = (ROOT / "docs/firmware.md").read_text()
ORDERS = (FrameType.HELLO, FrameType.STATUS, FrameType.GIVE, FrameType.CODE, FrameType.SHUT, FrameType.HANG)
UNASKED = (FrameType.BOOTED, FrameType.CLOSED, FrameType.REFUSED)


def numbers(text: str) -> dict[str, int]:
    """Return what an enumeration in C says."""
    return {name: int(number, 0) for name, number in re.findall(r"(\w+) = (0x\w+|\d+)", text)}


def test_the_firmware_and_the_rig_have_the_same_types():
    types = numbers(FIRMWARE.partition("enum type {")[2].partition("}")[0])
    answer = types.pop("ANSWER")
    assert types == {one.name: one.value for one in (*ORDERS, *UNASKED)}
    answers = set(FrameType) - {*ORDERS, *UNASKED}
    assert {one - answer for one in answers} < set(ORDERS)
    reasons = numbers(FIRMWARE.partition("enum reason {")[2].partition("}")[0])
    assert set(reasons.values()) == set(REASONS)
    assert f"#define PROTOCOL {PROTOCOL}\n" in FIRMWARE
    assert f"#define BAUD {BAUD}UL" in FIRMWARE
    assert set(map(int, re.findall(r"#define BOARD (\d)", BOARD))) == set(BOARDS)


def test_the_page_has_every_type():
    assert dict(re.findall(r"^\| `(0x\w\w)` \| (\w+) \|", PAGE, re.MULTILINE)) == {
        f"0x{one.value:02X}": one.name for one in FrameType
    }


FRAMES = st.builds(
    Frame, st.sampled_from(list(FrameType)).map(int), st.integers(0, 255), st.binary(min_size=5, max_size=5)
)


def sent(frame: Frame) -> bytes:
    return encode(FrameType(frame.type), frame.sequence, frame.payload)


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 15), min_size=1, max_size=5))
def test_frames_are_found_however_they_come_in_pieces(frames, sizes):
    line, reader, found = b"".join(map(sent, frames)), FrameReader(), []
    while line:
        size = sizes[len(line) % len(sizes)]
        found += reader.take(line[:size])
        line = line[size:]
    assert found == frames
    assert reader.n_skipped == 0


@given(FRAMES, FRAMES, st.integers(0, 9))
def test_a_frame_after_a_cut_one_is_found_whatever_its_bytes(cut, frame, n_left):
    reader = FrameReader()
    found = reader.take(sent(cut)[:n_left] + sent(frame))
    found += reader.take(bytes(9))  # a cut one that looks like a beginning holds the line until it is too long
    assert frame in found


@given(FRAMES, st.integers(0, 79))
def test_a_frame_with_a_wrong_bit_is_none(frame, bit):
    line = bytearray(sent(frame))
    line[bit // 8] ^= 1 << bit % 8
    assert FrameReader().take(bytes(line)) == []


@pytest.mark.parametrize("junk", [b"", b"\xa5", b"\xa5\xa5\xa5", b"$GPGGA,092750.000", bytes(range(256))])
def test_a_frame_among_what_is_none_is_found(junk):
    reader = FrameReader()
    frame = encode(FrameType.VERSION, 3, b"\x01\x01\x02\x08\x64")
    found = reader.take(junk + frame + junk)
    assert [(one.type, one.sequence) for one in found] == [(FrameType.VERSION, 3)]
