"""The journal's last line, and the summary, say who or what stopped a session."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.journal_rows import SessionEnded
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import SessionError
from rig.machine.endings import why_broken
from rig.operator.commands import Command
from rig.stop import StopRequest
from tests.unit.rig.machine.operated import SECOND_IMAGE, Script
from tests.unit.rig.ports import FastTracker, FaultyDisplay


class FromATerminal(Script):
    """An operator at another terminal."""

    def _command(self, name: str) -> Command:
        return Command("quit", "terminal")


def after_first_trial(stop: StopRequest, by: str) -> Any:
    return lambda _state, _now_s: stop.ask(by)


ENDINGS = {
    "a key": (lambda bench: {"commands": Script(bench.screen, quit=SECOND_IMAGE)}, "the operator, by a key"),
    "a key in a pause": (
        lambda bench: {"commands": Script(bench.screen, pause=5, quit=50)},
        "the operator, by a key",
    ),
    "another terminal": (
        lambda bench: {"commands": FromATerminal(bench.screen, quit=SECOND_IMAGE)},
        "the operator, from another terminal",
    ),
    "a signal": (lambda bench: {"on_trial": after_first_trial(bench.stop, "SIGTERM")}, "SIGTERM"),
    "a signal in a pause": (
        lambda bench: {
            "commands": Script(bench.screen, pause=SECOND_IMAGE),
            "on_trial": after_first_trial(bench.stop, "Ctrl-C"),
        },
        "Ctrl-C",
    ),
    "a tracker that is gone": (
        lambda _bench: {"gaze": FastTracker(0.0, silent=[(0.5, 99.0)])},
        "gaze: expected samples from tracker, found none for 1.0 s. Look at the tracker, its computer and its cable.",
    ),
    "a screen that drops frames": (
        lambda bench: {"display": FaultyDisplay(bench.screen, late=dict.fromkeys(range(9_000), 1))},
        "display: expected the planned number of frames, found another for",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_session_that_stops_says_who_or_what_stopped_it(bench: Any, ending: str) -> None:
    options, words = ENDINGS[ending]
    with suppress(SessionError):  # raised where nobody is there
        bench.run(**options(bench))
    ended = bench.journal.ended
    assert ended.outcome == "stopped"
    assert ended.stopped_by.startswith(words)
    assert summarize(bench.session.document, bench.journal).stopped_by == ended.stopped_by


def test_a_device_that_fails_where_nobody_is_there_is_what_stopped_it(bench: Any) -> None:
    bench.wire.fails = {3}
    with pytest.raises(SessionError):
        bench.run()
    assert bench.journal.ended.stopped_by.startswith("digital codes: expected the device to answer")
    bench.run()
    assert (bench.journal.ended.outcome, bench.journal.ended.stopped_by) == ("complete", None)


def test_a_complete_session_says_nothing_and_older_rigs_summaries_are_read_as_they_are(bench: Any) -> None:
    journal = bench.run(on_trial=lambda state, _now_s: None if state.queue else bench.stop.ask("Ctrl-C"))
    assert (journal.ended.outcome, journal.ended.stopped_by) == ("complete", None)
    summary = summarize(bench.session.document, journal)
    assert "stopped_by" not in summary.model_dump_json()
    older = SessionSummary.model_validate_json(summary.model_dump_json().replace('"complete"', '"stopped"'))
    assert older.stopped_by is None
    assert "stopped_by" not in SessionEnded(outcome="stopped", n_remaining=3, time_s=1.0).model_dump_json()


def test_an_error_of_several_lines_is_one() -> None:
    assert why_broken(ValueError("one\n  two")) == "ValueError: one two"
    assert len(why_broken(RuntimeError("x" * 9_000))) == 500
