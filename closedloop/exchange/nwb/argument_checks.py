"""hdmf checks the arguments of every call by a specification; of thousands of equal images, the same ones again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import hdmf.utils
from hdmf.term_set import TermSetWrapper

_CHECK = "__parse_args"
_COMPLAINTS = ("future_warnings", "type_errors", "value_errors", "syntax_errors")
_NO_COMPLAINTS = dict.fromkeys(_COMPLAINTS, ())
_BY_VALUE = {"shape", "enum"}  # what a specification can ask beside the type
_UNCHANGING = (type(None), bool, int, float, str, bytes)

Specification = Sequence[Mapping[str, Any]]
Parsed = dict[str, Any]


@dataclass(frozen=True)
class _Passed:
    """How arguments were understood that passed: of the same types, they pass again."""

    specification: Specification  # held, so that no other gets its id
    names: tuple[str, ...]
    defaults: dict[str, Any]
    fresh: tuple[str, ...]

    def parse(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Parsed:
        found = dict(zip(self.names, args, strict=False))
        found.update(self.defaults)
        found.update(kwargs)
        for name in self.fresh:
            found[name] = deepcopy(found[name])
        return {"args": found, **_NO_COMPLAINTS}


@contextmanager
def remembered_checks() -> Iterator[None]:
    """Within it, hdmf checks arguments of the same types once a function: its checks are by type alone.

    Where a specification asks for more, a shape or one of some values, and where a call does not pass, hdmf checks as
    always. A version of hdmf without that function is left as it is.
    """
    own = vars(hdmf.utils).get(_CHECK)
    if own is None:
        yield
        return
    setattr(hdmf.utils, _CHECK, _remembering(own))
    try:
        yield
    finally:
        setattr(hdmf.utils, _CHECK, own)


def _remembering(check: Callable[..., Parsed]) -> Callable[..., Parsed]:
    passed = dict[Any, _Passed | None]()

    def parse(specification: Specification, args: Sequence[Any], kwargs: Mapping[str, Any], **asked: Any) -> Parsed:
        key = (id(specification), *map(type, args), *kwargs, *map(type, kwargs.values()))  # and `asked` is of it
        known = passed.get(key)
        if known is not None:
            return known.parse(args, kwargs)
        found = check(specification, args, kwargs, **asked)
        if key not in passed:
            plain = not asked.get("allow_extra") and not any(found[name] for name in _COMPLAINTS)
            passed[key] = _passed(specification, args, kwargs) if plain else None
        return found

    return parse


def _passed(specification: Specification, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Passed | None:
    """Return how arguments were understood; None where the next ones of these types may not pass."""
    wrapped = any(isinstance(value, TermSetWrapper) for value in (*args, *kwargs.values()))
    if wrapped or any(_BY_VALUE & one.keys() for one in specification):
        return None
    missing = [one for one in specification[len(args) :] if one["name"] not in kwargs]
    return _Passed(
        specification,
        tuple(one["name"] for one in specification[: len(args)]),
        {one["name"]: one["default"] for one in missing},
        tuple(one["name"] for one in missing if not isinstance(one["default"], _UNCHANGING)),
    )
