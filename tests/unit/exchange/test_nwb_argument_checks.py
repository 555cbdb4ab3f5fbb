"""hdmf's checks of arguments, remembered: what passed passes again, and what is wrong is refused as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import hdmf.utils
import pytest
from hdmf.utils import docval

from closedloop.exchange.nwb.argument_checks import remembered_checks


def declared(*specification: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that returns its arguments, which hdmf checks."""

    def arguments(**found: Any) -> dict[str, Any]:
        return found

    return cast("Callable[..., dict[str, Any]]", docval(*specification, is_method=False)(arguments))


by_type = declared(
    {"name": "number", "type": int, "doc": ""},
    {"name": "kind", "type": str, "doc": "", "default": "a"},
    {"name": "found", "type": list, "doc": "", "default": []},
)
by_value = declared({"name": "kind", "type": str, "doc": "", "enum": ["a", "b"]})
by_shape = declared({"name": "data", "type": "array_data", "doc": "", "shape": (2,)})


def test_arguments_that_passed_pass_again_unchecked_and_all_others_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    own, checked = vars(hdmf.utils)["__parse_args"], list[tuple[Any, ...]]()

    def counting(specification: Any, args: Any, kwargs: Any, **asked: Any) -> Any:
        checked.append(tuple(args))
        return own(specification, args, kwargs, **asked)

    monkeypatch.setattr(hdmf.utils, "__parse_args", counting)
    with remembered_checks():
        by_type(1)["found"].append("not the next call's")
        assert by_type(2) == {"number": 2, "kind": "a", "found": []}
        assert by_type(3) == {"number": 3, "kind": "a", "found": []}
        assert checked == [(1,)]
        assert by_type(kind="b", number=4) == by_type(4, "b") == {"number": 4, "kind": "b", "found": []}
        assert len(checked) == 3
        for wrong in ({"number": "1"}, {"number": 1, "kind": None}, {"number": 1, "other": 2}, {}):
            for _ in range(2):
                with pytest.raises(TypeError):
                    by_type(**wrong)
        assert by_value("a") == {"kind": "a"}
        assert by_shape([1, 2]) == {"data": [1, 2]}
        with pytest.raises(ValueError, match="forbidden value"):
            by_value("c")
        with pytest.raises(ValueError, match="incorrect shape"):
            by_shape([1])
    assert vars(hdmf.utils)["__parse_args"] is counting
