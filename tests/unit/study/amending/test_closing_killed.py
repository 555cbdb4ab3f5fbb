"""A session whose rig was killed has no end: closed by its journal, what was shown counts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL, SUMMARY
from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.session_summary import NO_END
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.errors import OptionError, SessionError
from closedloop.plain_text.printed import quoted
from closedloop.study.amending.closing import close_day, reopen_day
from closedloop.study.completeness.looks import Patience
from closedloop.study.completeness.now import waiting_for_now
from closedloop.study.loop import read_identity
from tests.unit.messages import refused
from tests.unit.study.amending.decided_labs import scheduled
from tests.unit.study.labs import Lab, bring_recording
from tests.unit.study.sessions import bring, rows_of, session_id

DAY = 1
TORN = b'{"event":"trial_begun","trial":1'


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    return scheduled(tmp_path / "a study", day=DAY)


def bring_killed(made: Lab, n_rows: int, *, torn: bytes = b"") -> Path:
    """Bring what a rig leaves that is killed after so many lines: no end, and no summary."""
    bring(made.paths, DAY)
    place = JOURNAL.published(made.paths, DAY)
    place.write_bytes(journal_bytes(list(rows_of((session_id(DAY),)))[:n_rows]) + torn)
    SUMMARY.published(made.paths, DAY).unlink()
    return place


def close(made: Lab, *, killed: bool = True) -> list[str]:
    return close_day(made.paths, *read_identity(made.paths), day=DAY, by="ada", why="the power was cut", killed=killed)


def said_after_an_hour(made: Lab) -> str:
    """Return what the study waits for where nothing is being copied any more."""
    patience = Patience(now=lambda: time.time() + 3_600)
    return str(waiting_for_now(made.paths, read_identity(made.paths)[0], patience))


def is_sealed(made: Lab) -> bool:
    return (made.paths.folder("present", DAY) / MANIFEST_NAME).is_file()


@pytest.mark.parametrize(("n_rows", "torn"), [(6, TORN), (8, b""), (15, TORN), (15, b"")])
def test_what_the_journal_of_a_killed_rig_tells_counts_once_the_day_is_closed(
    made: Lab, n_rows: int, torn: bytes
) -> None:
    place = bring_killed(made, n_rows, torn=torn)
    kept = place.read_bytes()
    assert made.run().waiting_for is not None
    waits = said_after_an_hour(made)
    command = f"closedloop close-day {quoted(made.paths.root)} --day {DAY} --killed --why TEXT"
    assert f"`{command}`" in waits
    assert "rig present --resume" in waits
    n_shown = len(read_journal(place).presentations)
    lines = close(made)
    assert lines[0] == f"Day {DAY} ended early: {n_shown} of 10 presentations were shown; they count."
    assert any("be sure that it is all that the rig wrote" in line for line in lines)
    summary = SUMMARY.read(SUMMARY.published(made.paths, DAY))
    assert (summary.n_accepted, summary.n_remaining) == (n_shown, 10 - n_shown)
    assert (summary.outcome, summary.stopped_by) == (("stopped", NO_END) if n_shown < 10 else ("complete", None))
    bring_recording(made.paths, DAY)
    made.run()
    assert is_sealed(made)
    assert place.read_bytes() == kept


def test_without_the_word_a_journal_without_an_end_closes_no_day_and_the_message_has_the_command(made: Lab) -> None:
    place = bring_killed(made, 8)
    with refused(SessionError, place, "expected the session's lines to its end", "--killed --why TEXT`"):
        close(made, killed=False)
    assert not SUMMARY.published(made.paths, DAY).exists()
    assert not [line for line in read_amendments(made.paths.amendments) if line.kind == "close_day"]


def test_a_journal_with_its_end_was_no_killed_rigs(made: Lab) -> None:
    bring(made.paths, DAY)
    before = SUMMARY.published(made.paths, DAY).read_bytes()
    with refused(OptionError, "--killed", "found its session's end. Leave it out"):
        close(made)
    assert SUMMARY.published(made.paths, DAY).read_bytes() == before


def test_a_journal_that_came_whole_after_the_day_was_closed_is_another(made: Lab) -> None:
    bring_killed(made, 8)
    close(made)
    place = bring_killed(made, 12)
    made.run()
    assert not is_sealed(made)
    close(made)
    bring_recording(made.paths, DAY)
    made.run()
    assert is_sealed(made)
    assert SUMMARY.read(SUMMARY.published(made.paths, DAY)).n_accepted == len(read_journal(place).presentations)


def test_an_older_summary_of_a_stop_before_the_kill_is_counted_anew_and_a_refused_close_leaves_it(made: Lab) -> None:
    bring_killed(made, 8)
    close(made)
    older = SUMMARY.published(made.paths, DAY).read_bytes()
    bring_killed(made, 12)
    SUMMARY.published(made.paths, DAY).write_bytes(older)
    with refused(OptionError, "--why"):
        close_day(made.paths, *read_identity(made.paths), day=DAY, by="ada", why=" ", killed=True)
    close(made)
    assert SUMMARY.published(made.paths, DAY).read_bytes() != older


def test_a_day_that_is_opened_again_waits_for_the_session_s_end(made: Lab) -> None:
    bring_killed(made, 8)
    close(made)
    reopen_day(made.paths, *read_identity(made.paths), day=DAY, by="ada", why="it goes on")
    assert "does not go on to the session's end" in str(made.run().waiting_for)
    bring(made.paths, DAY)
    bring_recording(made.paths, DAY)
    made.run()
    assert is_sealed(made)
