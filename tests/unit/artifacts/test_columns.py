"""Columns as a confined process sends them, against Arrow's own reading of the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.foreign.columns import columns_of
from closedloop.artifacts.foreign.parquet import _described, _parts
from closedloop.confined.protocol import ConfinedError

VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.uint8(): st.integers(0, 255),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(st.characters(codec="utf-8"), max_size=6),
    pa.large_string(): st.text(st.characters(codec="ascii"), max_size=6),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["spike", "code", "\u00b5", ""]),
}


def sent(column: pa.Array) -> np.ndarray[Any, Any]:
    """Return a column as it comes out of a confined process."""
    parts = [memoryview(bytearray(part.tobytes())) for part in _parts([column])]
    return columns_of({"a": _described(column)}, parts, n_rows=len(column))["a"]


@given(data=st.data(), kind=st.sampled_from(list(VALUES)), may_miss=st.booleans())
def test_a_column_is_what_arrow_reads(data: st.DataObject, kind: pa.DataType, may_miss: bool) -> None:
    values = st.none() | VALUES[kind] if may_miss else VALUES[kind]
    rows = data.draw(st.lists(values, max_size=20))
    column = pa.array(rows, kind)
    cut = column[data.draw(st.integers(0, len(rows))) :]  # its values begin in the middle of the buffers
    found = sent(cut).tolist()
    assert [None if one is None or (isinstance(one, float) and math.isnan(one)) else one for one in found] == (
        cut.to_pylist()
    )


def test_numbers_keep_their_type() -> None:
    assert sent(pa.array([1, 2], pa.uint16())).dtype == np.uint16
    assert sent(pa.array([True, False])).dtype == np.bool_
    assert sent(pa.array([1, None], pa.uint16())).dtype == np.float64  # as numpy has no number that says "none"


@pytest.mark.parametrize(
    ("lies", "parts"),
    [
        ({"numbers": "<i4"}, [b"\0" * 7]),
        ({"numbers": "<i4"}, []),
        ({"numbers": "|O"}, [b"\0" * 16]),
        ({"numbers": "<i4", "has": True}, [b"\0" * 8, b"\1"]),
        ({"text": True}, [b"\0" * 16]),
        ({"text": True}, [np.array([0, 1, 2]).tobytes(), b"\xff\xff"]),
        ({"labels": ["a"]}, [b"\0\2"]),
        ({"labels": ["a"]}, [b"\0\xff"]),
        ({"labels": 3}, [b"\0\0"]),
        ({"something": True}, [b"\0\0"]),
    ],
)
def test_what_is_not_as_described_is_refused(lies: dict[str, Any], parts: list[bytes]) -> None:
    with pytest.raises(ConfinedError, match="no columns of 2 rows"):
        columns_of({"a": lies}, [memoryview(part) for part in parts], n_rows=2)
