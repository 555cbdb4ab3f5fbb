"""Columns of a table as a confined process sends them: plain bytes, and how they lie.

What it says is believed no further than its bytes reach: the process that read the file may be the file's by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.protocol import ConfinedError

Description = dict[str, Any]
"""Of a column: ``numbers``, numpy's name of their type, in one part; ``labels`` of text, by whose number each row is
given in one part, int8; or ``text``: where each begins and the last one ends, int64, and the bytes, UTF-8, two parts.
``has`` says that one more part tells which rows have a value, a byte each.
"""


def columns_of(
    described: Mapping[str, Description], parts: Sequence[memoryview], *, n_rows: int
) -> dict[str, NDArray[Any]]:
    """Return columns as arrays: numbers of their type, floats with NaN where one may miss; text, None where it may.

    Parameters
    ----------
    described
        How each column lies, in order.
    parts
        The bytes.
    n_rows
        How many values each has, shape (n_rows,).

    Raises
    ------
    ConfinedError
        The bytes are not as described.
    """
    left = iter(parts)
    try:
        return {name: _column(lies, left, n_rows) for name, lies in described.items()}
    except (ValueError, IndexError, KeyError, TypeError, RuntimeError) as error:
        raise ConfinedError(f"no columns of {n_rows} rows ({type(error).__name__})") from error


def _column(lies: Description, left: Iterator[memoryview], n_rows: int) -> NDArray[Any]:
    if "numbers" in lies:
        values = _numbers(left, np.dtype(lies["numbers"]), n_rows)
        has = _has(lies, left, n_rows)
        return values if has is None else np.where(has, values, np.nan)
    if "text" in lies:
        begins = _numbers(left, np.dtype(np.int64), n_rows + 1)
        texts = _texts(begins, bytes(next(left, b"")))
        has = _has(lies, left, n_rows)
        if has is not None:
            texts[~has] = None
        return texts
    labels = np.array([*lies["labels"], None], dtype=object)
    numbers = _numbers(left, np.dtype(np.int8), n_rows)
    has = _has(lies, left, n_rows)
    numbers = numbers if has is None else np.where(has, numbers, len(labels) - 1)
    if n_rows and numbers.min() < 0:
        raise ValueError("a label before the first")
    found: NDArray[Any] = labels[numbers]
    return found


def _numbers(left: Iterator[memoryview], dtype: np.dtype[Any], n: int) -> NDArray[Any]:
    if dtype.hasobject:
        raise ValueError("no numbers")
    part = next(left, memoryview(b""))
    if len(part) != n * dtype.itemsize:
        raise ValueError("another number of bytes")
    return np.frombuffer(part, dtype)


def _has(lies: Description, left: Iterator[memoryview], n_rows: int) -> NDArray[np.bool_] | None:
    return _numbers(left, np.dtype(bool), n_rows) if "has" in lies else None


def _texts(begins: NDArray[np.int64], content: bytes) -> NDArray[Any]:
    """Cut text; of one byte a character, which most of it is, without decoding each for itself."""
    ends = begins.tolist()
    found = np.empty(len(ends) - 1, dtype=object)
    if content.isascii():
        text = content.decode()
        found[:] = [text[begin:end] for begin, end in pairwise(ends)]
    else:
        found[:] = [content[begin:end].decode() for begin, end in pairwise(ends)]
    return found
