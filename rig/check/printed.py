"""The table as an operator reads it: what is good first, what stops the session last, and one closing line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rig.check.findings import Finding, FindingStatus

_ORDER: tuple[FindingStatus, ...] = ("PASS", "WARN", "FAIL")
_LEAST_WIDTH = 40


def table_lines(findings: Sequence[Finding], *, width: int | None = None) -> Iterator[tuple[FindingStatus, str]]:
    """Yield the lines of the table, each with what it is about.

    Parameters
    ----------
    findings
        In any order.
    width
        Of the terminal, characters; None where lines may be of any length.
    """
    name_width = max((len(one.name) for one in findings), default=0)
    for status in _ORDER:
        for one in findings:
            if one.status == status:
                yield from ((status, line) for line in _lines(one, name_width, width))


def _lines(one: Finding, name_width: int, width: int | None) -> Iterator[str]:
    start = f"{one.status}  {one.name:<{name_width}}  "
    inside = " " * len(start)
    yield from _wrapped(start, inside, one.found, width)
    if one.fix:
        yield from _wrapped(f"{inside}fix: ", f"{inside}     ", one.fix, width)


def _wrapped(start: str, inside: str, text: str, width: int | None) -> list[str]:
    if width is None or width - len(inside) < _LEAST_WIDTH:
        return [start + text]
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=inside, break_on_hyphens=False, break_long_words=False
    )


def closing_line(findings: Sequence[Finding]) -> str:
    """Return what the table comes to."""
    names = {status: [one.name for one in findings if one.status == status] for status in _ORDER}
    n_pass, warned, failed = len(names["PASS"]), names["WARN"], names["FAIL"]
    doubts = f"{len(warned)} WARN ({', '.join(warned)}) for you to judge" if warned else "no WARN"
    if failed:
        return f"Not to be shown: {len(failed)} FAIL ({', '.join(failed)}), {doubts}, {n_pass} PASS."
    return f"Can be shown: no FAIL, {doubts}, {n_pass} PASS."
