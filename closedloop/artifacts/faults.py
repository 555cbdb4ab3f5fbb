"""What is wrong with a document, in the words of somebody who writes protocols: key, what was expected and found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from closedloop.plain_text.suggestions import closest, did_you_mean

_Details = Mapping[str, Any]
_SHOWN = 3  # faults that are spelled out
_MOST_MEANT = 5  # of keys of one name: among more nobody finds the one that was meant
_SHOWN_CHARACTERS = 60
_WHOLE = 1e15  # numbers below are written out
_NOWHERE = object()
_KEY_FIRST = re.compile(r"[a-z][a-z0-9_.]*: expected ")
PATTERNS = {
    r"^(all|readout|from [A-Za-z0-9_.]+)$": "all, readout, or from and a layer (from layer4)",
    r"^[a-z0-9_]+$": "lower-case letters, digits and _ alone",
    r"^[a-z0-9_]*$": "lower-case letters, digits and _ alone",
    "^[a-z0-9]$": "one lower-case letter or digit",
    "^[A-Z]{0,3}[0-9]{1,4}$": "a subject's code: up to three capitals and up to four digits, such as S07",
    "^[A-Za-z0-9_-]{16,128}$": "the token that a link carries: 16 to 128 letters, digits, - and _",
    "^[0-9a-f]{16}$": "16 hexadecimal digits",
    "^[0-9a-f]{64}$": "the 64 hexadecimal digits of a sha256",
    r"^[A-Z][a-z]+ [a-z]+( [a-z]+)?$": "a species in Latin, such as Macaca mulatta",
    r"^P(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?$": "an age in ISO 8601, such as P8Y6M",
}
"""The patterns of all documents in words."""

_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_UNITS = {"cm_per_px": "cm", "px": "px", "ms": "ms", "hz": "Hz", "deg": "degrees", "min": "minutes", "frames": "frames"}
"""By the ends of keys."""

_WORDS = {  # of pydantic's kinds of fault, what was expected
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_sub_type": "text",
    "string_unicode": "text",
    "date_type": "a date such as 2026-03-02",
    "date_parsing": "a date such as 2026-03-02",
    "date_from_datetime_parsing": "a date such as 2026-03-02",
    "date_from_datetime_inexact": "a date such as 2026-03-02",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "{min_length} characters or more",
    "string_too_long": "at most {max_length} characters",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "the key {discriminator}",
}


@dataclass(frozen=True)
class _Key:
    """A key that is wrong, and how."""

    path: tuple[str | int, ...]
    expected: tuple[str, ...]
    found: str
    remedy: str
    meant: str = ""
    is_missing: bool = False

    @property
    def text(self) -> str:
        place = ".".join(_shorten(str(part)) for part in self.path)
        expected = " or ".join(self.expected)
        if not self.found:  # a sentence of our own
            joint = "." if _KEY_FIRST.match(expected) else ": "
            return f"{place}{joint}{expected}" if place else expected
        return f"{place or 'document'}: expected {expected}, found {self.found}"


def describe_faults(fault: ValidationError, model: type[BaseModel] | None, content: Any) -> str:
    """Return in one line which keys are wrong, what was expected and what was found; three of them, the others counted.

    Parameters
    ----------
    fault
        What pydantic says.
    model
        The class that was to be filled, which knows the keys there are; None for a row of several kinds.
    content
        What it was to be filled with.
    """
    keys = _without_twins(list(_keys([dict(one) for one in fault.errors(include_url=False)], model, content)))
    texts = [key.text for key in keys[:_SHOWN]]
    if len(keys) > _SHOWN:
        texts.append(f"and {len(keys) - _SHOWN} more")
    remedy = keys[0].remedy if len(keys) == 1 else "Correct them."
    return f"{'; '.join(texts)}. {remedy}".removesuffix(" ")


def _keys(faults: Sequence[_Details], model: type[BaseModel] | None, content: Any) -> Iterator[_Key]:
    """Yield the wrong keys, those that are unknown first: a misspelt key is also a missing one."""
    by_path: dict[tuple[str | int, ...], list[_Details]] = {}
    for one in sorted(faults, key=lambda one: one["type"] != "extra_forbidden"):
        by_path.setdefault(_path(one, content), []).append(one)
    for path, same in by_path.items():
        yield _key(path, same, model)


def _path(fault: _Details, content: Any) -> tuple[str | int, ...]:
    """Leave out of a place what is no key of the document: names of the kinds that a value may have."""
    path: list[str | int] = []
    parts = fault["loc"]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        inside = _inside(content, part)
        if inside is not _NOWHERE:
            content = inside
        elif not (last and fault["type"] == "missing"):
            continue
        path.append(part)
    return tuple(path)


def _inside(content: Any, part: str | int) -> Any:
    if isinstance(content, dict):
        return content.get(part, _NOWHERE)
    if isinstance(content, list | tuple) and isinstance(part, int) and part < len(content):
        return content[part]
    return _NOWHERE


def _key(path: tuple[str | int, ...], faults: list[_Details], model: type[BaseModel] | None) -> _Key:
    first = faults[0]
    if first["type"] == "extra_forbidden":
        meant = _meant(path, model)
        remedy = f"Did you mean {meant}? Correct its spelling." if meant else "Remove it or correct its spelling."
        return _Key(path, (f"a known key ({meant})" if meant else "a known key",), "this one", remedy, meant)
    if first["type"] == "missing":
        return _Key(path, ("a value",), "none", "Add it.", is_missing=True)
    if first["type"] == "value_error":
        return _Key(path, (first["msg"].removeprefix("Value error, ").rstrip("."),), "", "")
    return _Key(
        path,
        tuple(dict.fromkeys(_expected(one) for one in faults)),
        found_words(first["input"]),
        f"{_meant_value(faults)}Correct it.",
    )


def _without_twins(keys: list[_Key]) -> list[_Key]:
    """Leave out a missing key that stands there misspelt, and the list whose values are wrong."""
    meant = {(*key.path[:-1], key.meant) for key in keys if key.meant}
    above = {key.path[:-1] for key in keys}
    return [
        key
        for key in keys
        if not (key.is_missing and key.path in meant) and not (key.path in above and key.found.startswith("a list of"))
    ]


def _expected(fault: _Details) -> str:
    context = fault.get("ctx", {})
    if fault["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if fault["type"] == "string_pattern_mismatch":
        return PATTERNS[context["pattern"]]
    if context.get("min_length") == 1:
        return "one or more" if fault["type"] == "too_short" else "some text"
    words = _WORDS.get(fault["type"])
    if fault["type"] in _BOUNDS:
        return _bound_in_words(fault, context)
    return words.format(**context).replace("'", "") if words else f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"


def _bound_in_words(fault: _Details, context: _Details) -> str:
    """Return a bound with its unit, which a key's ending tells: "at most 600,000 ms"."""
    words, name = _BOUNDS[fault["type"]]
    key = next((part for part in reversed(fault["loc"]) if isinstance(part, str) and part.islower()), "")
    unit = next((unit for ending, unit in _UNITS.items() if key.endswith(f"_{ending}")), "")
    bound = context[name]
    shown = (
        f"{bound:,}" if isinstance(bound, int) or (float(bound).is_integer() and abs(bound) < _WHOLE) else f"{bound:g}"
    )
    return f"{words} {shown.removesuffix('.0')} {unit}".removesuffix(" ")


def _meant_value(faults: Sequence[_Details]) -> str:
    given = faults[0]["input"]
    known = [word for one in faults for word in re.findall("'([^']+)'", str(one.get("ctx", {}).get("expected", "")))]
    if not isinstance(given, str):
        is_bare_text = faults[0]["type"] == "string_type" and isinstance(given, int | float)
        return "Put it in quotes. " if is_bare_text or str(given) in known else ""
    return did_you_mean(given, known)


def found_words(value: Any) -> str:
    """Return what was found instead, as it would be written in the file."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a section of keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return _shorten(repr(value))


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _meant(path: tuple[str | int, ...], model: type[BaseModel] | None) -> str:
    """Return the key that is most like an unknown one among its neighbours, else the few of that name elsewhere."""
    section = model
    for part in path[:-1]:
        if isinstance(part, str) and section is not None:
            field = section.model_fields.get(part)
            section = _section_in(field.annotation) if field else None
    if model is None or section is None:
        return ""
    name = str(path[-1])
    if near := closest(name, section.model_fields):
        return near
    elsewhere = [key for key in _all_keys(model) if key.rpartition(".")[2] == name]
    return " or ".join(elsewhere) if len(elsewhere) <= _MOST_MEANT else ""


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_in(inner))), None)


def _all_keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{before}{name}"
        if section := _section_in(field.annotation):
            yield from _all_keys(section, f"{before}{name}.")
