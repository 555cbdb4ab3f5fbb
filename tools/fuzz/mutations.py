"""How bytes are spoiled: bits, numbers at their borders, pieces lost, doubled, moved; most often near the start.

Headers stand at the start of nearly every format, and decide what a reader asks memory and time for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_LONGEST_PIECE = 4096
_WIDTHS = (1, 2, 4, 8)


def spoil_bytes(content: bytes, random: Random) -> bytes:
    """Change a file in one to four ways."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        if not data:
            return bytes(random.randbytes(random.randint(0, 16)))
        random.choice(_WAYS)(data, random)
    return bytes(data)


def near_start(n: int, random: Random) -> int:
    """Draw a place: half of all within the first hundredth of a long file, the others anywhere."""
    return min(int(n * random.random() ** random.choice((1, 6))), max(n - 1, 0))


def border_values(width: int, size: int) -> Sequence[int]:
    """Return numbers at the borders of what a field can hold and a file can have.

    Parameters
    ----------
    width
        Of the field, bytes.
    size
        Of the file, bytes.
    """
    top = 1 << 8 * width
    return (
        0,
        1,
        2,
        3,
        7,
        255,
        256,
        30_000,
        65_535,
        10**6,
        10**9,
        top - 1,
        top - 2,
        top // 2,
        top // 2 - 1,
        size,
        size + 1,
    )


def _flip_bit(data: bytearray, random: Random) -> None:
    data[near_start(len(data), random)] ^= 1 << random.randrange(8)


def _set_byte(data: bytearray, random: Random) -> None:
    data[near_start(len(data), random)] = random.choice((0, 255, 127, 128, 1, 32, random.randrange(256)))


def _set_number(data: bytearray, random: Random) -> None:
    width = random.choice(_WIDTHS)
    at = near_start(len(data), random)
    if random.random() < 0.7:
        at -= at % min(width, 4)
    value = random.choice(border_values(width, len(data))) % (1 << 8 * width)
    if random.random() < 0.1:
        value = random.getrandbits(8 * width)
    field = value.to_bytes(width, "little" if random.random() < 0.8 else "big")
    data[at : at + width] = field[: len(data) - at]


def _fill(data: bytearray, random: Random) -> None:
    at, length = near_start(len(data), random), random.randint(1, 64)
    data[at : at + length] = bytes([random.choice((0, 255, 1))]) * min(length, len(data) - at)


def _randomise(data: bytearray, random: Random) -> None:
    at, length = near_start(len(data), random), random.randint(1, 64)
    data[at : at + length] = random.randbytes(min(length, len(data) - at))


def _cut(data: bytearray, random: Random) -> None:
    del data[random.choice((near_start(len(data), random), len(data) - random.randint(1, min(len(data), 64)))) :]


def _extend(data: bytearray, random: Random) -> None:
    length = random.randint(1, _LONGEST_PIECE)
    data += random.choice((bytes(length), random.randbytes(length), bytes(data[-length:])))


def _lose(data: bytearray, random: Random) -> None:
    at = near_start(len(data), random)
    del data[at : at + random.randint(1, random.choice((8, 64, _LONGEST_PIECE)))]


def _double(data: bytearray, random: Random) -> None:
    at = near_start(len(data), random)
    piece = data[at : at + random.randint(1, random.choice((8, 64, _LONGEST_PIECE)))]
    data[at:at] = piece * random.choice((1, 1, 2, 20))


def _move(data: bytearray, random: Random) -> None:
    at, length = near_start(len(data), random), random.randint(1, random.choice((8, 64, _LONGEST_PIECE)))
    piece = data[at : at + length]
    to = near_start(len(data), random)
    data[to : to + length] = piece


_WAYS: tuple[Callable[[bytearray, Random], None], ...] = (
    *(_flip_bit, _set_byte, _fill, _randomise, _cut, _extend, _lose, _double, _move),
    *[_set_number] * 6,
)
