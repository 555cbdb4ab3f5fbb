from __future__ import annotations

from dataclasses import replace

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.simulation.session_clock import since_the_start
from closedloop.simulation.sessions import MadeSession, make_session

UP_S = 2_600_000.0  # a computer that was switched on a month ago


def test_a_session_begins_at_nought_and_nothing_moves_within_it(tmp_path) -> None:
    make_session(tmp_path / "made", MadeSession(seconds=6), progress=lambda _done, _total: None)
    journal = read_journal(tmp_path / "made" / "journal.jsonl")
    moved = {"onset_s", "offset_s", "time_s"}
    late = tuple(
        row.model_copy(update={name: getattr(row, name) + UP_S for name in moved & set(type(row).model_fields)})
        for row in journal.rows
    )
    back = since_the_start(replace(journal, rows=late))
    assert back.launches[0].time_s == 0
    shown = [(one, other) for one, other in zip(back.rows, journal.rows, strict=True) if isinstance(one, Presentation)]
    assert len(shown) == 18
    for one, other in shown:
        assert isinstance(other, Presentation)
        assert abs(one.onset_s - other.onset_s) < 1e-6
        assert abs(one.offset_s - other.offset_s) < 1e-6
