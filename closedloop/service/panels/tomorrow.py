"""Panel: the stimuli of the session that comes next, picture by picture, with what an audit counted from their bytes.

A picture is the session's bytes, pixel for pixel, named by their hash: `DAY-HASH`, `DAY-HASH-difference` for what
differs from its clean image, magnified, and `-x4` behind either for one whose pixels are each shown 4 times as large.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.gates.held import session_to_show
from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.artifacts.records.sequence import Block, readable_sequence
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.report.audit.measures import kept, n_beyond_budget, shift
from closedloop.report.audit.size_table import size_table
from closedloop.report.magnified import MAGNIFICATION
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent
from closedloop.service.over_days.choices import Choice
from closedloop.service.over_days.next_session import NextSession, find_next_session
from closedloop.service.over_days.numbers import attempt
from closedloop.service.over_days.pictures import SessionImage, picture_of
from closedloop.service.reading.study_files import read_served_protocol

NAME = "tomorrow"
TITLE = "The next session's stimuli"

CARDS_A_PAGE = 24
ENLARGED_TIMES = 8
UNIT = "z"  # of predicted responses, as in `catalog.STIMULI`

_KEY = re.compile(r"(?P<day>\d{1,4})-(?P<id>[0-9a-f]{16})(?P<difference>-difference)?(?:-x(?P<times>[1-8]))?")

ORDERS = {
    "planned": "as planned",
    "change": "largest predicted change first",
    "rounding": "most lost to rounding first",
    "brightness": "largest brightness shift first",
    "clipped": "most clipped first",
}


@dataclass(frozen=True)
class AskedStimuli:
    """What a person wants to see; what is empty, or None, is not asked for."""

    kind: str = ""
    site: int | None = None
    epsilon: float | None = None
    order: str = "planned"
    page: int = 1


@dataclass(frozen=True)
class StimulusCard:
    """One stimulus: its pictures by their keys, and its audit in words.

    Attributes
    ----------
    clean, shown, difference
        Keys of pictures; the first and the last are empty for a clean image, which is shown as it is.
    facts
        By name, for a person.
    """

    stimulus_id: str
    title: str
    clean: str
    shown: str
    difference: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TomorrowPanel:
    """The stimuli of a session.

    Attributes
    ----------
    day
        None where no stimuli have been made yet.
    state
        In one sentence: what has been published, and whether it was shown.
    facts
        By name, for a person.
    notices
        What must be looked at before it is shown.
    sizes
        The audit by kind and epsilon; None without one.
    kinds, sites, epsilons, orders
        The filters.
    cards
        Those of this page.
    n_found, page, n_pages
        How many stimuli the filters leave, which page of them this is, from 1, and of how many.
    damaged
        What could not be read, a line each.
    said
        What the session is called; empty where there is none.
    """

    day: int | None = None
    said: str = ""
    state: str = "No stimuli have been made yet."
    facts: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    sizes: Table | None = None
    kinds: tuple[Choice, ...] = ()
    sites: tuple[Choice, ...] = ()
    epsilons: tuple[Choice, ...] = ()
    orders: tuple[Choice, ...] = ()
    cards: tuple[StimulusCard, ...] = ()
    n_found: int = 0
    page: int = 1
    n_pages: int = 1
    damaged: tuple[str, ...] = ()
    magnification: int = MAGNIFICATION
    enlarged: int = ENLARGED_TIMES


def read(paths: StudyPaths) -> TomorrowPanel:
    """Return the first page of the next session's stimuli."""
    return show(paths, AskedStimuli())


def read_asked(paths: StudyPaths, asked: Mapping[str, str]) -> TomorrowPanel:
    """Return what a person asked for by filters, in words of an address; what is none of them is not asked for."""
    return show(
        paths,
        AskedStimuli(
            kind=asked.get("kind", ""),
            site=_whole(asked.get("site", "")),
            epsilon=_epsilon(asked.get("epsilon", "")),
            order=asked.get("order", "planned"),
            page=_whole(asked.get("page", "")) or 1,
        ),
    )


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _epsilon(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else None


def show(paths: StudyPaths, wanted: AskedStimuli) -> TomorrowPanel:
    """Return a page of the next session's stimuli."""
    session, faults = find_next_session(paths)
    if session is None:
        return TomorrowPanel(damaged=faults)
    protocol, _ = attempt(lambda: read_served_protocol(paths.protocol))
    here = paths.keeping(readable_sequence(paths.root))
    is_last = protocol is not None and session_to_show(here, protocol.days) is None
    columns = session.columns
    kind = wanted.kind if wanted.kind in columns["kind"] else _first_kind(columns)
    rows = _found(columns, wanted, kind)
    n_pages = max(math.ceil(len(rows) / CARDS_A_PAGE), 1)
    page = min(max(wanted.page, 1), n_pages)
    shown = rows[(page - 1) * CARDS_A_PAGE : page * CARDS_A_PAGE]
    changed = {name: values[columns["kind"] != "clean"] for name, values in columns.items()}
    return TomorrowPanel(
        day=session.day,
        said=Block(session.day, session.block).said,
        state=_state(session, is_last=is_last),
        facts=_facts(session),
        notices=_notices(changed),
        sizes=size_table(changed, unit=UNIT) if session.is_audited and len(changed["kind"]) else None,
        kinds=_choices(_kinds(columns), {name: name for name in _kinds(columns)}, chosen=kind),
        sites=_choices(*_sites(session), chosen="" if wanted.site is None else str(wanted.site), every="all sites"),
        epsilons=_choices(
            *_epsilons(columns), chosen="" if wanted.epsilon is None else f"{wanted.epsilon:g}", every="all ε"
        ),
        orders=_choices(tuple(ORDERS), ORDERS, chosen=wanted.order if wanted.order in ORDERS else "planned"),
        cards=_cards(session, shown),
        n_found=len(rows),
        page=page,
        n_pages=n_pages,
        damaged=faults,
    )


def picture(paths: StudyPaths, key: str) -> bytes | None:
    """Return a picture of the session's bytes as PNG; None where the session has none of that name.

    Raises
    ------
    DocumentError
        The bytes are missing, damaged, or others than the name says.
    """
    named = _KEY.fullmatch(key)
    session, _ = find_next_session(paths)
    if named is None or session is None or int(named["day"]) != session.day:
        return None
    row = session.row_of(named["id"])
    if row is None:
        return None
    wanted = [row]
    if named["difference"]:
        wanted = [int(session.columns["clean_index"][row]), row]
    shown = tuple(_of_row(session, one) for one in wanted)
    return picture_of(_images(paths, session), shown, times=int(named["times"] or 1))


def _of_row(session: NextSession, row: int) -> SessionImage:
    return SessionImage(row, str(session.columns["stimulus_id"][row]))


def _images(paths: StudyPaths, session: NextSession) -> Path:
    """Return where the bytes lie: the session folder's own, which the rig shows, as soon as there is one."""
    file = catalog.SESSION_IMAGES if session.stage == "schedule" else catalog.IMAGES
    return file.published(paths.at(Block(session.day, session.block)), session.day)


def _first_kind(columns: Columns) -> str:
    kinds = _kinds(columns)
    return next((kind for kind in kinds if kind != "clean"), kinds[0] if kinds else "")


def _kinds(columns: Columns) -> tuple[str, ...]:
    there = set(columns["kind"].tolist())
    usual = [kind for kind in ("attacked", *CONTROL_KINDS, "clean") if kind in there]
    return (*usual, *sorted(there - set(usual)))


def _found(columns: Columns, wanted: AskedStimuli, kind: str) -> NDArray[np.int64]:
    keep = columns["kind"] == kind
    if wanted.site is not None:
        keep &= columns["site_index"] == wanted.site
    if wanted.epsilon is not None:
        keep &= np.isclose(columns["epsilon"], wanted.epsilon, rtol=1e-6)
    rows = np.flatnonzero(keep)
    sizes = {
        "change": np.abs(columns["predicted_change"]),
        "rounding": columns["rounding_loss"],
        "brightness": np.abs(columns["luminance_shift"]),
        "clipped": columns["n_clipped"],
    }
    if wanted.order not in sizes:
        return rows
    by = np.nan_to_num(sizes[wanted.order][rows].astype(np.float64), nan=-np.inf)
    return rows[np.argsort(-by, kind="stable")]


def _choices(values: tuple[str, ...], labels: Mapping[str, str], *, chosen: str, every: str = "") -> tuple[Choice, ...]:
    first = [Choice("", every, chosen == "")] if every else []
    return (*first, *(Choice(value, labels[value], value == chosen) for value in values))


def _sites(session: NextSession) -> tuple[tuple[str, ...], dict[str, str]]:
    numbers = sorted({int(site) for site in session.columns["site_index"] if site >= 0})
    return tuple(map(str, numbers)), {str(one): _site_name(session, one) for one in numbers}


def _epsilons(columns: Columns) -> tuple[tuple[str, ...], dict[str, str]]:
    values = tuple(f"{one:g}" for one in sorted({float(one) for one in columns["epsilon"] if one > 0}))
    return values, {value: f"ε = {value}" for value in values}


def _site_name(session: NextSession, index: int) -> str:
    return session.site_names.get(index, f"output {index} of the model")


def _state(session: NextSession, *, is_last: bool) -> str:
    if session.is_shown and is_last:
        return "The study's last session, as it was shown: none is to come."
    if session.is_shown:
        return "The session that is being shown, or was shown last; none after it has been made."
    if session.stage == "schedule":
        return "The session folder is ready: this is what the rig will show, byte for byte."
    return "The images are made; the session folder is not scheduled yet."


def _facts(session: NextSession) -> tuple[tuple[str, str], ...]:
    columns = session.columns
    kinds = [f"{count(int((columns['kind'] == kind).sum()))} {kind}" for kind in _kinds(columns)]
    facts = [("images", ", ".join(kinds)), ("presentations", count(int(columns["repetitions"].sum())))]
    facts += [("takes", hours) for hours in (session.hours,) if hours]
    if session.session is not None:
        side, scale = session.session.image_side_px, session.session.screen.image_scale
        facts.append(("image", f"{side} × {side} pixels, each {scale} × {scale} on the screen"))
        twins = session.session.twins
        if twins is not None:
            facts.append(("twins apart", f"at least {count(twins.least_presentations)} presentations"))
    return tuple(facts)


def _notices(changed: Columns) -> tuple[str, ...]:
    beyond = n_beyond_budget(changed)
    return (f"{count(beyond)} stimuli are beyond their budget: do not show them.",) if beyond else ()


def _cards(session: NextSession, rows: NDArray[np.int64]) -> tuple[StimulusCard, ...]:
    columns = {name: values[rows] for name, values in session.columns.items()}
    measured = {
        "kept": kept(columns),
        "brightness": shift(columns, "luminance"),
        "contrast": shift(columns, "contrast"),
    }
    return tuple(_card(session, columns, measured, place) for place in range(len(rows)))


def _card(session: NextSession, columns: Columns, measured: Columns, place: int) -> StimulusCard:
    of = {name: values[place] for name, values in columns.items()}
    name = f"{session.day}-{of['stimulus_id']}"
    if of["kind"] == "clean":
        return StimulusCard(str(of["stimulus_id"]), f"{of['category']} · {of['role']}", "", name, "", _repeated(of))
    site = int(of["site_index"])
    what = _site_name(session, site) if site >= 0 else str(of["kind"])
    clean = session.columns["stimulus_id"][int(of["clean_index"])]
    return StimulusCard(
        stimulus_id=str(of["stimulus_id"]),
        title=f"{of['category']} · {what} · ε = {of['epsilon']:g}",
        clean=f"{session.day}-{clean}",
        shown=name,
        difference=f"{name}-difference",
        facts=(*_predicted(of), *_audited(of, {key: float(values[place]) for key, values in measured.items()})),
    )


def _repeated(of: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    return (("shown", _n(of["repetitions"], "time")),)


def _predicted(of: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    before, after = float(of["predicted_clean"]), float(of["predicted_attacked"])
    if not (math.isfinite(before) and math.isfinite(after)):
        return (("predicted", "nothing: a control"),)
    arrow = "▲ raise" if after > before else "▼ lower"
    return (
        ("sealed sign", arrow),
        ("predicted", f"{_signed(before)} → {_signed(after)} {UNIT} ({_signed(after - before)})"),
    )


def _audited(of: Mapping[str, float], measured: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    share = of["realised_epsilon"] / of["epsilon"] if of["epsilon"] else math.nan
    facts = [("realised ε", f"{of['realised_epsilon']:.4f}, {_down(share)} of the budget")]
    if math.isfinite(of["rounding_loss"]):
        facts.append(
            ("rounding", f"{percent(measured['kept'])} kept, {number(float(of['rounding_loss']))} {UNIT} lost")
        )
    if math.isfinite(of["n_changed"]):
        facts += [
            ("brightness", _signed_percent(measured["brightness"])),
            ("contrast", _signed_percent(measured["contrast"])),
            ("clipped", _n(of["n_clipped"], "value")),
            ("changed", f"{_n(of['n_changed'], 'value')}, by up to {_n(of['largest_change'], 'level')}"),
        ]
    return (*facts, *_repeated(of))


def _n(n: float, what: str) -> str:
    return f"{count(int(n))} {what}{'' if n == 1 else 's'}"


def _down(share: float) -> str:
    """Return a share of the budget rounded down: what is inside it must not read as all of it."""
    return f"{math.floor(1e5 * share) / 1e3:.3f} %" if math.isfinite(share) else DASH


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _signed_percent(value: float) -> str:
    if not math.isfinite(value):
        return DASH
    text = f"{100 * value:+.2f} %"
    return "0.00 %" if text in ("+0.00 %", "-0.00 %") else text.replace("-", "−")
