"""What a page is told of a fragment that it has: the lines that changed, from which it makes the fragment of now."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from closedloop.service.charts import Chart, ChartLine
from closedloop.service.panels import session
from closedloop.service.panels.session import SessionPanel
from closedloop.service.reading.session.counts import SessionCounts
from closedloop.service.web.changes import changes, event
from closedloop.service.web.render import StudyName, render_fragment

LINES = st.lists(st.sampled_from(["", "<p>", "a", "b", "</p>", "π\u2028"]), max_size=12)


def put_together(before: str, told: str) -> list[str]:
    """Return a fragment's lines as page.js makes them."""
    lines = before.splitlines()
    for first, end, later in reversed(json.loads(told)):
        lines[first:end] = later
    return lines


@given(LINES, LINES)
def test_a_page_makes_the_fragment_of_now_from_the_one_it_has(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    assert put_together(old, json.dumps(changes(old, new))) == new.splitlines()


@given(LINES)
def test_what_is_the_same_has_no_changes(lines: list[str]) -> None:
    assert changes("\n".join(lines), "\n".join(lines)) == ()


def test_each_line_that_changed_is_told_alone() -> None:
    assert changes("a\nb\nc\nd", "a\nB\nc\nD") == ((1, 2, ("B",)), (3, 4, ("D",)))
    assert changes("a\nd", "a\nb\nc\nd") == ((1, 1, ("b", "c")),)
    assert changes("1\n2\n3\n.", "0\n1\n2\n.") == ((0, 0, ("0",)), (2, 3, ()))


def test_long_ones_are_told_apart_as_one_piece() -> None:
    old, new = ("\n".join([*("ab"[k % 2] for k in range(n)), "c"]) for n in (5000, 4001))
    (told,) = changes(old, f"x\n{new}")
    assert put_together(old, json.dumps([told])) == f"x\n{new}".splitlines()


def test_a_fragment_is_sent_whole_at_first_and_where_all_of_it_changed() -> None:
    assert event("gates", "a\nb", "1.2", before=None) == b"event: gates\nid: 1.2\ndata: a\ndata: b\n\n"
    assert event("gates", "a\nb", "1.2", before="c\nd") == b"event: gates\nid: 1.2\ndata: a\ndata: b\n\n"


def test_a_second_of_a_session_is_told_in_a_part_of_its_fragment() -> None:
    minutes = tuple(range(60))
    chart = Chart("minutes", "Minutes", "minute", "shown", minutes, (ChartLine("accepted", minutes),))
    panel = SessionPanel(day=0, doing="showing", counts=SessionCounts("showing", 1, 99), n_planned=900, charts=(chart,))
    later = replace(panel, counts=replace(panel.counts, n_rows=104, n_presentations=2, n_accepted=2))
    before, after = (render_fragment(session, one, StudyName("one")) for one in (panel, later))
    told = event("session", after, "1.2", before=before)
    name, _place, data = told.decode().splitlines()[:3]
    assert name == "event: lines-of-session"
    assert put_together(before, data.removeprefix("data: ")) == after.splitlines()
    assert len(told) < len(after) / 5
