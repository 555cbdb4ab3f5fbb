"""What makes a session no data of an animal, and who took it nevertheless."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.day.doubts import (
    DOUBTS,
    doubts_and_who_took_them,
    doubts_of,
    overrides_of,
    taken_despite,
    unvouched,
)
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import FIRST
from tests.unit.study.sessions import launch


def journal(*changes: dict[str, Any], is_chained: bool = True) -> Journal:
    launches = tuple(launch(number, "s", **values) for number, values in enumerate(changes))
    return Journal(launches, n_void=0, n_torn=0, n_bytes_whole=0, is_chained=is_chained)


def taken(*names: str, day: int = 0, journal_sha256: str = "a") -> Amendment:
    return Amendment(
        kind="accept_session",
        simulated=False,
        day=day,
        utc="2026-03-02T09:00:00+00:00",
        who="Ada",
        why="a pilot",
        subject=names,
        after={"journal_sha256": journal_sha256},
    )


@pytest.mark.parametrize(
    ("says", "doubt"),
    [
        ({"display": "headless"}, "headless-display"),
        ({"clock": "virtual"}, "virtual-clock"),
        ({"gaze": "scripted"}, "scripted-gaze"),
        ({"gaze": "mouse"}, "mouse-gaze"),
        ({"gaze": "none"}, "no-gaze"),
        ({"codes": "file"}, "file-codes"),
    ],
)
def test_one_launch_that_says_so_is_enough(says: dict[str, Any], doubt: str) -> None:
    assert list(doubts_of(journal({}, says, {}))) == [doubt]


def test_nothing_stands_against_a_session_in_a_laboratory() -> None:
    assert doubts_of(journal({}, {"codes": "serial"}, {"codes": "comment"})) == {}
    assert unvouched(journal({})) == ()


def test_they_come_in_their_order_all_at_once() -> None:
    everything = {"display": "headless", "clock": "virtual", "gaze": "mouse", "codes": "file"}
    assert list(doubts_of(journal(everything))) == [name for name in DOUBTS if name not in ("scripted-gaze", "no-gaze")]


def test_an_older_rig_is_judged_by_what_it_says_and_what_it_does_not_say_is_said() -> None:
    older = journal({"gaze": None, "codes": None, "display": "headless"}, is_chained=False)
    assert list(doubts_of(older)) == ["headless-display"]
    notes = " | ".join(unvouched(older))
    assert "lines carry no checks" in notes
    assert "whose gaze" in notes
    assert "how digital codes left" in notes


def test_overrides_of_the_rig_are_said() -> None:
    assert unvouched(journal({"overrides": ("photodiode", "disk")}, {"overrides": ("disk",)})) == (
        "the operator overrode checks of the rig: disk, photodiode",
    )
    assert overrides_of(journal({"overrides": ("disk",)}, {})) == ("disk",)


def test_an_acceptance_is_of_one_day_and_one_journal() -> None:
    amendments = [taken("mouse-gaze"), taken("file-codes", day=1)]
    assert taken_despite(amendments, block=FIRST) == {
        "mouse-gaze": "the mouse stood for the eye; taken as data by Ada, 2026-03-02T09:00:00+00:00: a pilot"
    }
    assert list(taken_despite(amendments, block=FIRST, journal_sha256="a")) == ["mouse-gaze"]
    assert taken_despite(amendments, block=FIRST, journal_sha256="b") == {}
    replaced = [taken("mouse-gaze").model_copy(update={"kind": "replace_recording"})]
    assert taken_despite(replaced, block=FIRST) == {}


def test_what_a_version_took_without_asking_is_said_too() -> None:
    found = doubts_and_who_took_them(journal({"gaze": "mouse", "codes": "file"}), [taken("file-codes")], block=FIRST)
    assert found["mouse-gaze"] == "the mouse stood for the eye; taken as data by a version that asked nobody"
    assert "Ada" in found["file-codes"]
