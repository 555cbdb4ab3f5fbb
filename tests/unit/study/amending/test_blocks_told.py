"""What is told of a day's second session, noted of it and made again of it names the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closedloop.artifacts.amended.rigs import shown_by
from closedloop.artifacts.amended.words import told
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.commands.amending.history import history_lines, read_history
from closedloop.commands.amending.sessions import change_sessions
from closedloop.study.replay.run import AFTER, ReplayRequest, replay_days
from tests.unit.study import sessions
from tests.unit.study.amending.decided_labs import scheduled
from tests.unit.study.amending.test_blocks import SECOND, add, at, record_block, with_second
from tests.unit.study.labs import Lab, lab


def test_the_story_has_a_second_session_s_stages_also_where_the_ledger_is_gone(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    record_block(made, SECOND)
    for _ in range(2):
        story = read_history(made.paths.root)
        of_second = [entry.what for entry in story.entries if (entry.day, entry.block) == SECOND]
        assert {"session was ready to be shown", "was evaluated", "added session 2 to the day"} <= set(of_second)
        assert any("day 1, session 2  was planned" in line for line in history_lines(story))
        assert of_second.count("was planned") == 1
        made.paths.ledger.unlink(missing_ok=True)
    assert [line.of_day for line in told(read_amendments(made.paths.amendments))] == ["day 1, session 2"]


def test_another_rig_in_a_day_s_second_session_is_noted_of_that_one(tmp_path: Path, monkeypatch: Any) -> None:
    made = with_second(tmp_path)
    plain = sessions.launch
    monkeypatch.setattr(
        sessions, "launch", lambda number, name, **changes: plain(number, name, **({"rig": "lab-2"} | changes))
    )
    record_block(made, SECOND)
    line = read_amendments(made.paths.amendments)[-1]
    assert (line.kind, line.day, line.block, line.subject) == ("change_rig", 1, 2, ("lab-2",))
    assert shown_by((line,)) == (
        "Until day 1 sessions were shown by rig none named.",
        "From day 1, session 2 on they were shown by rig lab-2.",
    )


def finished(root: Path) -> Lab:
    """Return a simulated study whose day 1 has two sessions, with all days done."""
    made = lab(root, days=3)
    add(made, 1)
    made.run()
    return made


def test_a_day_is_replayed_with_all_of_its_sessions(tmp_path: Path) -> None:
    made = finished(tmp_path / "study")
    made.ran = []
    request = ReplayRequest(study=made.paths, out=tmp_path / "out", days=(1,))
    found = replay_days(request, made.listener, table=made.small_table)
    assert made.ran == [f"{day} {stage}" for day in ("1", "1.2") for stage in AFTER]
    assert found.is_same
    assert [tuple(one.session) for one in found.replayed] == [(1, 1)] * len(AFTER) + [(1, 2)] * len(AFTER)
    assert '"block": 2' in (tmp_path / "out" / "replay.json").read_text()


def test_a_later_day_is_replayed_from_the_published_second_session(tmp_path: Path) -> None:
    made = finished(tmp_path / "study")
    request = ReplayRequest(study=made.paths, out=tmp_path / "out", days=(2,))
    assert replay_days(request, made.listener, table=made.small_table).is_same
    refit = tmp_path / "out" / "after-the-session" / "day-02" / "refit"
    assert "day-01.2/refit/refit.txt" in read_manifest(refit).inputs
    assert at(made, Block(1, 2)).folder("refit", 1).is_dir()


def test_who_adds_a_session_is_told_how_many_the_day_has_and_the_way_back(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    first, second = (change_sessions(made.paths.root, "add-block", day=1, by="ada", why="more") for _ in range(2))
    assert "day 1, session 2 comes after the one before, in day-01.2: the day has 2 sessions now." in first
    assert "in day-01.3: the day has 3 sessions now." in second  # the same command given twice is seen
    assert f"`closedloop drop-block {made.paths.root} --day 1 --why TEXT` takes it back." in second
