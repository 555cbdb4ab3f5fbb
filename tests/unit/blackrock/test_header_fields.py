"""Reading parts of files into memory at a distance from the file's pages that a processor copies fast."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from closedloop.blackrock.header_fields import room_to_read

PAGE_BYTES, SLOW_BYTES = 4096, 32


@given(n_bytes=st.integers(0, 3_000_000), byte=st.integers(0, 1 << 40))
def test_no_room_lies_a_few_bytes_behind_what_is_read_into_it(n_bytes: int, byte: int) -> None:
    room = room_to_read(n_bytes, byte)
    assert room.nbytes == n_bytes
    assert room.flags.c_contiguous
    if n_bytes:
        assert (room.ctypes.data - byte) % PAGE_BYTES not in range(1, SLOW_BYTES)
