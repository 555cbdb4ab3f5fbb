"""Images that were added are drawn for the session that shows them, whichever draws."""

from __future__ import annotations

import pytest

from closedloop.artifacts.amended.decided import decided
from closedloop.artifacts.records.amendments import Amendment, Kind
from closedloop.artifacts.records.sequence import Block


def line(kind: Kind, day: int, *, block: int = 1, subject: tuple[str, ...] = ()) -> Amendment:
    return Amendment(
        kind=kind,
        simulated=False,
        day=day,
        block=block,
        utc="2026-11-29T08:00:00+00:00",
        who="ada",
        why="they run out",
        subject=subject,
    )


ADDED = line("add_images", 3, subject=("1",))


@pytest.mark.parametrize(
    ("lines", "session", "are_drawn"),
    [
        ((), Block(1), False),
        ((), Block(2), True),
        ((line("add_block", 2, block=2),), Block(2), False),
        ((line("add_block", 2, block=2),), Block(2, 2), True),
        ((line("skip_day", 2),), Block(1), True),
        ((line("skip_day", 2), line("unskip_day", 2)), Block(1), False),
    ],
)
def test_they_are_drawn_for_sessions_from_their_day_on(
    lines: tuple[Amendment, ...], session: Block, are_drawn: bool
) -> None:
    found = decided((ADDED, *lines), ("images_added",), session=session)
    assert bool(found) == are_drawn
