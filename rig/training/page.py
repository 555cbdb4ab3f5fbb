"""The page of a training: how far the animal has come, over days. One HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from rig.pages.figures import DayOfValues, over_days, stacked
from rig.pages.sheet import CSS
from rig.training.progress import TaughtDay

_CSS = """
.days td,.days th{white-space:nowrap;text-align:right}.days td:first-child,.days th:first-child{text-align:left}
.days thead th{font-size:.82rem;color:#3a444e;vertical-align:bottom;white-space:normal;
overflow-wrap:normal;padding-left:.5rem}
.goal{color:#a84300}.key b{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .8em}
@media(max-width:640px){.days thead{display:none}.days tr{display:block;border:1px solid #cfd6dc;padding:8px 10px;
margin:0 0 10px}.days td{display:flex;justify-content:space-between;gap:12px;border:0;padding:.12rem 0}
.days td:first-child{font-weight:600}.days td::before{content:attr(data-what);color:#3a444e;font-weight:400}
.days td:first-child::before{content:none}}
"""


def progress_page(days: Sequence[TaughtDay]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    days
        At least one, in their order.
    """
    last = days[-1]
    title = f"Training of {last.subject}"
    mark = (
        '<p class="mark">SIMULATED: a script that learns stands for the animal. No animal was taught.</p>'
        if last.simulated
        else ""
    )
    cards = "".join(
        f'<section class="card"><h2>{escape(head)}</h2>{figure}<p>{words}</p></section>'
        for head, figure, words in _cards(days)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{CSS}{_CSS}</style>{mark}<h1>{escape(title)}</h1>"
        f"<p>{escape(_sentence(days))}</p>"
        f'<div class="cards">{cards}</div><h2>Runs</h2>{_table(days)}'
        "<p>A training is never data of a study. Its rows are in each run’s journal.jsonl, its rule in "
        "training.yaml.</p></html>"
    )


def _sentence(days: Sequence[TaughtDay]) -> str:
    last, settings = days[-1], days[-1].settings
    hours = sum(day.minutes for day in days) / 60.0
    n = sum(day.counts["completed"] for day in days)
    n_days = len({day.date for day in days})
    when = f"1 day, {last.date}" if n_days == 1 else f"{n_days} days, {days[0].date} to {last.date}"
    words = (
        f"{when}; {n:,} trials completed in "
        f"{hours:.1f} h. Now: hold {last.end.hold_ms:.0f} ms of {settings.longest_hold_ms:.0f} wanted, window "
        f"{last.end.window_deg:.2f} degrees of {settings.smallest_window_deg:g}."
    )
    is_taught = last.end.hold_ms >= settings.longest_hold_ms and last.end.window_deg <= settings.smallest_window_deg
    return f"{words} The goal is reached." if is_taught else words


def _cards(days: Sequence[TaughtDay]) -> Iterator[tuple[str, str, str]]:
    """Yield the figures: title, picture, what it shows."""
    settings = days[-1].settings
    yield (
        "Hold over trials",
        over_days(
            [DayOfValues(_label(day), [trial.asks.hold_ms / 1000 for trial in day.trials]) for day in days],
            y="hold, seconds",
            goal=settings.longest_hold_ms / 1000,
        ),
        'What each trial asked for, all runs behind each other. <span class="goal">Dashed: the longest hold.</span>',
    )
    yield (
        "Window over trials",
        over_days(
            [DayOfValues(_label(day), [trial.asks.fixation_window_deg for trial in day.trials]) for day in days],
            y="radius, degrees",
            goal=settings.smallest_window_deg,
        ),
        'How far the eye may be from the point. <span class="goal">Dashed: the smallest window.</span>',
    )
    yield (
        "Trials of each run",
        stacked(
            [(_label(day), [day.counts[name] for name in ("completed", "broken", "ignored")]) for day in days],
            y="trials",
        ),
        '<span class="key"><b style="background:#0072b2"></b>completed<b style="background:#e69f00"></b>broken'
        '<b style="background:#b8c0c8"></b>ignored</span>',
    )


def _label(day: TaughtDay) -> str:
    """Return month and day, and which run of the day it was."""
    _, _, number = day.name.removeprefix(f"train-{day.date}").rpartition("-")
    return f"{day.date:%m-%d}{f' ({number})' if number else ''}"


def _table(days: Sequence[TaughtDay]) -> str:
    """Return the runs, the newest first; on a telephone each is a block of lines."""
    heads: list[str] = []
    rows = []
    for day in reversed(days):
        cells = list(_cells(day))
        heads = [what for what, _ in cells]
        inner = "".join(f'<td data-what="{escape(what)}">{escape(value)}</td>' for what, value in cells)
        rows.append(f"<tr>{inner}</tr>")
    head = "".join(f"<th>{escape(what)}</th>" for what in heads)
    return f'<table class="days"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _cells(day: TaughtDay) -> Iterator[tuple[str, str]]:
    counts = day.counts
    n = counts["completed"] + counts["broken"] + counts["ignored"]
    first = day.trials[0].asks if day.trials else None
    yield "run", day.name.removeprefix("train-") + (" (cut off)" if day.was_cut else "")
    yield "hold at first, ms", f"{first.hold_ms:.0f}" if first else "none"
    yield "hold at the end, ms", f"{day.end.hold_ms:.0f}"
    yield "longest completed, ms", f"{day.longest_ms:.0f}" if day.longest_ms else "none"
    yield "window, degrees", f"{day.end.window_deg:.2f}"
    yield "completed", f"{counts['completed']:,} ({100 * counts['completed'] / n:.0f} %)" if n else "0"
    yield "broken", f"{counts['broken']:,}"
    yield "ignored", f"{counts['ignored']:,}"
    ml = f" ({day.reward_ml:.1f} ml)" if day.reward_ml is not None else ""
    yield "reward, ms of valve", f"{day.reward_ms:,.0f}{ml}" if day.has_valve else "no valve"
    yield "minutes worked", f"{day.minutes:.1f}"
