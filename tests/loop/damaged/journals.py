"""Ways to damage what comes back from the rig."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session_summary import summarize
from closedloop.artifacts.records.chain import CHAIN_START, chain_line, read_chain
from tests.loop.damaged.recordings import cut
from tests.loop.real_study import RealStudy

Row = dict[str, Any]


def _journal(real: RealStudy, day: int = 0) -> Path:
    return real.paths.folder("present", day) / catalog.JOURNAL.name


def lines_damaged(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[RealStudy], None]:
    """Damage the journal's lines as they stand, checks and all."""

    def damage(real: RealStudy) -> None:
        journal = _journal(real)
        journal.write_bytes(b"".join(change(journal.read_bytes().splitlines(keepends=True))))

    return damage


def rows_damaged(
    change: Callable[[list[Row]], list[Row]], *, chained: bool = True, summary_too: bool = False
) -> Callable[[RealStudy], None]:
    """Damage what the journal says and chain it again, as a program that writes its own journals would.

    Parameters
    ----------
    change
        From rows to rows.
    chained
        Whether the new lines carry checks; a rig of version 0.1 writes none.
    summary_too
        Whether the summary is counted from the new rows.
    """

    def damage(real: RealStudy) -> None:
        journal = _journal(real)
        bodies = read_chain(journal.read_bytes().splitlines(), place="journal").bodies
        lines, end = [], CHAIN_START
        for row in change([json.loads(body) for body in bodies]):
            body = json.dumps(row, separators=(",", ":")).encode()
            line, end = chain_line(body, end)
            lines.append(line if chained else body + b"\n")
        journal.write_bytes(b"".join(lines))
        if summary_too:
            session = catalog.SESSION.read(catalog.SESSION.published(real.paths, 0))
            summarize(session, catalog.JOURNAL.read(journal)).write(journal.with_name(catalog.SUMMARY.name))

    return damage


def _accepted(rows: Sequence[Row]) -> list[int]:
    return [at for at, row in enumerate(rows) if row["event"] == "presentation" and row["outcome"] == "accepted"]


def edited(nth: int, **values: Any) -> Callable[[list[Row]], list[Row]]:
    """Edit the n-th accepted presentation; a value that can be called is given the old one."""

    def change(rows: list[Row]) -> list[Row]:
        at = _accepted(rows)[nth]
        news = {name: value(rows[at][name]) if callable(value) else value for name, value in values.items()}
        return [*rows[:at], rows[at] | news, *rows[at + 1 :]]

    return change


def two_images_exchanged(rows: list[Row]) -> list[Row]:
    """Exchange the images of two presentations."""

    first, second = (at for at in _accepted(rows)[10:40:29])
    names = ("image_index", "stimulus_id")
    swapped = {
        first: rows[first] | {name: rows[second][name] for name in names},
        second: rows[second] | {name: rows[first][name] for name in names},
    }
    assert swapped[first]["stimulus_id"] != rows[first]["stimulus_id"]
    return [swapped.get(at, row) for at, row in enumerate(rows)]


def one_rejected_by_hand(rows: list[Row]) -> list[Row]:
    """Say that the rig rejected what it accepted."""

    return edited(12, outcome="rejected", reason="fixation_broken")(rows)


def shown_twice(rows: list[Row]) -> list[Row]:
    """Say of one presentation that it was another one, a second time."""

    at = _accepted(rows)
    again = {name: rows[at[3]][name] for name in ("presentation_index", "image_index", "stimulus_id", "repetition")}
    return [*rows[: at[9]], rows[at[9]] | again, *rows[at[9] + 1 :]]


def presentations_sorted_by_image(rows: list[Row]) -> list[Row]:
    """Sort the presentations by image."""

    shown = sorted((row for row in rows if row["event"] == "presentation"), key=lambda row: row["image_index"])
    in_order = iter(shown)
    return [next(in_order) if row["event"] == "presentation" else row for row in rows]


def summary_damaged(**values: Any) -> Callable[[RealStudy], None]:
    """Edit the summary; a value that can be called is given the old one."""

    def damage(real: RealStudy) -> None:
        file = real.paths.folder("present", 0) / catalog.SUMMARY.name
        summary = json.loads(file.read_text())
        news = {name: value(summary[name]) if callable(value) else value for name, value in values.items()}
        file.write_text(json.dumps(summary | news, indent=2))

    return damage


def summary_lost(real: RealStudy) -> None:
    """Leave the summary out."""

    (real.paths.folder("present", 0) / catalog.SUMMARY.name).unlink()


def journal_lost(real: RealStudy) -> None:
    """Leave the journal out."""

    _journal(real).unlink()


def summary_cut(real: RealStudy) -> None:
    """Keep half of the summary."""

    cut(real.paths.folder("present", 0) / catalog.SUMMARY.name, 0.5)


def yesterdays_session(real: RealStudy) -> None:
    """Bring the session of the day before."""

    for name in (catalog.JOURNAL.name, catalog.SUMMARY.name):
        shutil.copy(real.paths.folder("present", 0) / name, real.paths.folder("present", 1) / name)
