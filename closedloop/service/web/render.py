"""Templates become pages and fragments; what comes from files is text there, whatever it looks like."""

from __future__ import annotations

import html
import json
import math
import re
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps

from closedloop.service.charts import Chart
from closedloop.service.panels.panel import PagePanel

_COMMAND = re.compile("`([^`]+)`")
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")  # of an address: RFC 3986, unreserved


@dataclass(frozen=True)
class StudyName:
    """A study as the page names it.

    Attributes
    ----------
    name
        As `serve` was told.
    url
        Where its page is.
    """

    name: str

    @property
    def url(self) -> str:
        """Where its page is."""
        return "/study/" + "".join(chr(one) if chr(one) in _PLAIN else f"%{one:02X}" for one in self.name.encode())


def render_fragment(panel: PagePanel, data: Any, study: StudyName) -> str:
    """Return a panel's fragment of a page.

    Parameters
    ----------
    panel
        The panel.
    data
        What its `read` returned.
    study
        Whose it is.
    """
    return sendable(_environment().get_template(f"panels/{panel.NAME}.html").render(panel=data, study=study))


def render_page(template: str, values: Mapping[str, Any]) -> str:
    """Return a whole page."""
    return sendable(_environment().get_template(template).render(values))


def render_json(data: Any) -> bytes:
    """Return what a panel read as JSON; numbers that JSON does not have are null."""
    return json.dumps(_plain(data), ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")


def sendable(text: str) -> str:
    r"""Return text as UTF-8 has it: a byte of a file's name that is none, which Python keeps by itself, as `\udc80`."""
    return text.encode(errors="backslashreplace").decode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)  # of numpy; paths and dates


def chart_values(chart: Chart) -> str:
    """Return what a chart is drawn from, but what it leaves empty: JSON that may stand between single quotes."""
    of_the_table = "name", "title", "caption"
    values = {name: value for name, value in _filled(asdict(chart)).items() if name not in of_the_table}
    lines = [_filled(asdict(line)) | {"label": line.label, "y": line.y} for line in chart.lines]
    return htmlsafe_json_dumps(_plain(values | {"x": chart.x, "lines": lines}), separators=(",", ":"))


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", ())}


def duration(seconds: float | None) -> str:
    """Return a length of time as a person says it; nothing where nobody knows."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{round(hours / 24)} days"


def commands(line: str) -> str:
    """Return a line as HTML, all of it escaped, with what stands between backticks as code."""
    return _COMMAND.sub(r"<code>\1</code>", html.escape(line))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits that tell something; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("closedloop.service"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["chart_values"] = chart_values
    environment.filters["duration"] = duration
    environment.filters["number"] = number
    environment.filters["commands"] = commands
    return environment
