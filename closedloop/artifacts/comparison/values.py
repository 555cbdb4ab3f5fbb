"""What differs between two files of a kind: by column, dataset, tensor or key, how many values and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from closedloop.artifacts.records.replay import ReplayedValues

_ROWS, _SHAPE = "rows", "shape"
_LONGEST = 60  # characters of an example
_NO_LEAF = "nothing"


def differing_columns(
    file: str, published: Mapping[str, NDArray[Any]], made: Mapping[str, NDArray[Any]], *, keys: tuple[str, ...] = ()
) -> list[ReplayedValues]:
    """Compare two tables column by column.

    Parameters
    ----------
    file
        Their name.
    published, made
        Columns of one length.
    keys
        Columns that name a row: rows are compared with those of the same name, where names are unique. Without any,
        or where a name stands twice, in their order.

    Returns
    -------
    list
        A part for each column that differs, and one where a table has rows that the other has not.
    """
    rows = _rows_of(published, made, keys)
    found: list[ReplayedValues] = []
    if rows.n_alone:
        found.append(_whole(file, _ROWS, rows.n_alone, rows.n, rows.example))
    for name in published:
        found += differing_values(
            file,
            name,
            published[name][rows.published],
            made[name][rows.made] if name in made else np.full(len(rows.published), np.nan),
        )
    return found


@dataclass(frozen=True)
class _Rows:
    """Rows of two tables that belong together, and how many have nothing to be compared with."""

    published: NDArray[np.int64]
    made: NDArray[np.int64]
    n_alone: int
    n: int
    example: str


def _rows_of(published: Mapping[str, NDArray[Any]], made: Mapping[str, NDArray[Any]], keys: tuple[str, ...]) -> _Rows:
    n, m = (len(next(iter(columns.values()), ())) for columns in (published, made))
    names = [_names(columns, keys) for columns in (published, made)] if keys else []
    if names and all(len(set(own)) == len(own) for own in names):
        place = {name: row for row, name in enumerate(names[1])}
        both = [(row, place[name]) for row, name in enumerate(names[0]) if name in place]
        alone = [name for name in names[0] if name not in place], [name for name in names[1] if name not in {*names[0]}]
        example = "; ".join(
            f"{words}: {', '.join(map(str, own[0]))}"
            for words, own in zip(("published only", "made only"), alone, strict=True)
            if own
        )
        pairs = np.array(both, np.int64).reshape(-1, 2)
        return _Rows(pairs[:, 0], pairs[:, 1], sum(map(len, alone)), max(n, m), example)
    rows = np.arange(min(n, m) if n == m else 0)  # of another number, nobody knows which row is which
    return _Rows(rows, rows, abs(n - m), max(n, m), f"{n:,} rows are published, {m:,} were made")


def _names(columns: Mapping[str, NDArray[Any]], keys: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return list(zip(*(columns[key].tolist() for key in keys), strict=True))


def differing_arrays(
    file: str, published: Mapping[str, NDArray[Any]], made: Mapping[str, NDArray[Any]]
) -> list[ReplayedValues]:
    """Compare datasets or tensors of the same names.

    Parameters
    ----------
    file
        Where they are from.
    published, made
        By name.
    """
    found: list[ReplayedValues] = []
    for name in dict.fromkeys((*published, *made)):
        if name not in published or name not in made:
            where = "published" if name in published else "made"
            found.append(_whole(file, name, 1, 1, f"{where} only"))
        else:
            found += differing_values(file, name, published[name], made[name])
    return found


def differing_values(file: str, place: str, published: NDArray[Any], made: NDArray[Any]) -> list[ReplayedValues]:
    """Compare two arrays value by value; not a number equals itself.

    Parameters
    ----------
    file, place
        Where they are from.
    published, made
        Of any type.

    Returns
    -------
    list
        Nothing where they are equal, else one part.
    """
    if published.shape != made.shape:
        shapes = [" x ".join(f"{n:,}" for n in array.shape) for array in (published, made)]
        return [_whole(file, place, 1, 1, f"{_SHAPE} {shapes[0]} is published, {shapes[1]} was made")]
    different = _unequal(published, made)
    if not different.any():
        return []
    first = tuple(int(axis[0]) for axis in np.nonzero(different))
    where = f"[{', '.join(map(str, first))}] " if first else ""
    example = f"{where}{_text(published[first])} is published, {_text(made[first])} was made"
    sizes = _sizes(published[different], made[different])
    return [_values(file, place, (int(different.sum()), published.size), sizes, example)]


def _unequal(published: NDArray[Any], made: NDArray[Any]) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = np.asarray(published != made)
    if all(np.issubdtype(array.dtype, np.inexact) for array in (published, made)):
        different &= ~(np.isnan(published) & np.isnan(made))
    return different


def _sizes(published: NDArray[Any], made: NDArray[Any]) -> tuple[float | None, float | None]:
    if not all(np.issubdtype(array.dtype, np.number) for array in (published, made)):
        return None, None
    a, b = published.astype(np.float64), made.astype(np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return None, None
    apart, larger = np.abs(a - b)[known], np.maximum(np.abs(a), np.abs(b))[known]
    return float(apart.max()), float((apart / np.where(larger > 0, larger, 1)).max())


@dataclass
class _Leaves:
    """The leaves of a document under one key."""

    n: int = 0
    different: list[tuple[str, Any, Any]] = field(default_factory=list)


def differing_documents(file: str, published: BaseModel, made: BaseModel) -> list[ReplayedValues]:
    """Compare two documents leaf by leaf; places of a list and names of a table of names count as one key.

    Parameters
    ----------
    file
        Their name.
    published, made
        Of one class.
    """
    own, other = dict(_leaves(published)), dict(_leaves(made))
    found: dict[str, _Leaves] = {}
    for path in dict.fromkeys((*own, *other)):
        key = "".join(part if part.startswith(".") else "[]" for part in path).removeprefix(".")
        leaves = found.setdefault(key, _Leaves())
        leaves.n += 1
        values = own.get(path, _NO_LEAF), other.get(path, _NO_LEAF)
        if values[0] != values[1]:
            leaves.different.append(("".join(path).removeprefix("."), *values))
    return [_of_leaves(file, key, leaves) for key, leaves in found.items() if leaves.different]


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*path, f".{name}"))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, f"[{name}]"))
    elif isinstance(value, tuple | list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, f"[{place}]"))
    else:
        yield path, value


def _of_leaves(file: str, key: str, leaves: _Leaves) -> ReplayedValues:
    path, *values = leaves.different[0]
    pairs = [(a, b) for _, a, b in leaves.different if _is_number(a) and _is_number(b)]
    sizes = _sizes(*(np.array(own, np.float64) for own in zip(*pairs, strict=True))) if pairs else (None, None)
    example = f"{path}: {_text(values[0])} is published, {_text(values[1])} was made"
    return _values(file, key, (len(leaves.different), leaves.n), sizes, example)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float):
        return f"{plain:.6g}"
    text = str(plain) if plain != "" else "no text"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _whole(file: str, place: str, n_different: int, n_compared: int, example: str) -> ReplayedValues:
    return _values(file, place, (n_different, n_compared), (None, None), example)


def _values(
    file: str, place: str, counts: tuple[int, int], sizes: tuple[float | None, float | None], example: str
) -> ReplayedValues:
    return ReplayedValues(
        file=file,
        place=place,
        n_different=counts[0],
        n_compared=counts[1],
        largest_absolute=sizes[0],
        largest_relative=sizes[1],
        example=example,
    )
