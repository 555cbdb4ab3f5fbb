"""MessagePack, as far as MWorks writes it: what a message is, from its first byte (the format's specification)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

_TEXT, _STREAM = 1, 2  # MWorks' own types: text, and messages, each packed by deflate
_DEEPEST, _MOST_UNPACKED = 64, 256 << 20
_NUMBERS = {
    **{0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"},
    **{0xCA: ">f", 0xCB: ">d"},
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_LENGTHS = {  # first byte: of what, and how its length is written
    **{0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I")},
    **{0xC4: ("bytes", ">B"), 0xC5: ("bytes", ">H"), 0xC6: ("bytes", ">I")},
    **{0xDC: ("list", ">H"), 0xDD: ("list", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I")},
    **{0xC7: ("own", ">B"), 0xC8: ("own", ">H"), 0xC9: ("own", ">I")},
}
_OF_FIXED_LENGTH = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


def messages(content: bytes) -> Iterator[Any]:
    """Yield the messages of some bytes, in order; those that are packed together one by one.

    Raises
    ------
    ValueError
        They are none.
    """
    reader = _MessageReader(content)
    while reader.at < len(content):
        value = reader.value(0)
        if isinstance(value, _Packed):
            yield from messages(value.content)
        else:
            yield value


class _Packed:
    """Messages that are packed together.

    Parameters
    ----------
    content
        Unpacked.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content


class _MessageReader:
    """Reads values one after the other.

    Parameters
    ----------
    content
        Of some messages.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def value(self, depth: int) -> Any:
        """Read the next one.

        Parameters
        ----------
        depth
            Of lists and maps around it.
        """
        if depth > _DEEPEST:
            raise ValueError("lists within lists without end")
        first = self._bytes(1)[0]
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            return self._number(_NUMBERS[first])
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in _OF_FIXED_LENGTH:
            return self._own(_OF_FIXED_LENGTH[first])
        if first in _LENGTHS:
            kind, written = _LENGTHS[first]
            return self._of_length(kind, int(self._number(written)), depth)
        for mask, begins, kind in ((0xF0, 0x80, "map"), (0xF0, 0x90, "list"), (0xE0, 0xA0, "text")):
            if first & mask == begins:
                return self._of_length(kind, first & ~mask & 0xFF, depth)
        raise ValueError(f"a message that begins with {first:#x}")

    def _of_length(self, kind: str, n: int, depth: int) -> Any:
        ways: dict[str, Callable[[], Any]] = {
            "text": lambda: self._bytes(n).decode("utf-8", errors="replace"),
            "bytes": lambda: self._bytes(n),
            "list": lambda: [self.value(depth + 1) for _ in self._times(n)],
            "map": lambda: {_key(self.value(depth + 1)): self.value(depth + 1) for _ in self._times(n)},
            "own": lambda: self._own(n),
        }
        return ways[kind]()

    def _own(self, n: int) -> Any:
        kind, content = self._number(">b"), self._bytes(n)
        if kind not in (_TEXT, _STREAM):
            return content
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacked = unpacker.decompress(content, _MOST_UNPACKED)
        if unpacker.unconsumed_tail:
            raise ValueError("more than 256 MB in one event")
        return unpacked.decode("utf-8", errors="replace") if kind == _TEXT else _Packed(unpacked)

    def _times(self, n: int) -> range:
        if n > len(self._content) - self.at:  # each takes a byte and more
            raise ValueError(f"{n} values in {len(self._content) - self.at} bytes")
        return range(n)

    def _number(self, written: str) -> Any:
        return struct.unpack(written, self._bytes(struct.calcsize(written)))[0]

    def _bytes(self, n: int) -> bytes:
        begin, self.at = self.at, self.at + n
        if self.at > len(self._content):
            raise ValueError("the end of an event within a value")
        return self._content[begin : self.at]


def _key(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)
