"""What counts in a folder that is laid out as a study: other settings last, and no decision that is ignored."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.exclusions import Exclusion, exclusions, noted
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.amendments import Amendment, Kind, append_amendment, read_amendments
from closedloop.artifacts.study import StudyPaths
from closedloop.study.replay.settings import read_settings, without_exclusions
from closedloop.study.replay.trees import Tree
from tests.unit.days import SMOKE

PROTOCOL = read_protocol(SMOKE)


def amendment(kind: Kind, **values: str) -> Amendment:
    return Amendment(
        kind=kind, simulated=True, day=1, utc="2026-11-29", who="ada", why="so", subject=tuple(values), after=values
    )


def tree(root: Path, text: str) -> Tree:
    wanted = read_settings(text, PROTOCOL)
    return Tree(StudyPaths(root), wanted.protocol, b"", {}, settings=wanted.as_json(), ignored=wanted.ignored)


def test_settings_win_over_what_was_amended_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    append_amendment(
        path, amendment("amend_protocol", **{"recording.window_stop_ms": "200.0", "recording.notch": "60"})
    )
    own = tree(tmp_path, "recording.window_ms=[60,160]")
    for day in (0, 1, 2):
        found = protocol_of_day(own.protocol, own.amendments(path), day)
        assert (found.recording.window_start_ms, found.recording.window_stop_ms) == (60, 160)
        assert found.recording.notch == (60 if day >= 1 else PROTOCOL.recording.notch)


def test_without_settings_decisions_are_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    line = amendment("amend_protocol", **{"recording.notch": "60"})
    append_amendment(path, line)
    assert Tree(StudyPaths(tmp_path), PROTOCOL, b"", {}).amendments(path) == (line,)


def test_what_is_ignored_keeps_its_number_and_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    site = Exclusion(part="fit", thing="site", name="array1-003", from_day=0)
    for line in (
        amendment("exclude", **noted([site])),
        amendment("amend_protocol", **{"recording.notch": "60"}),
        amendment("hold"),
    ):
        append_amendment(path, line)
    wanted = without_exclusions(PROTOCOL)
    own = Tree(StudyPaths(tmp_path), PROTOCOL, b"", {}, ignored=wanted.ignored)
    found = own.amendments(path)
    assert exclusions(read_amendments(path)) == (site,)
    assert len(found) == 3
    assert exclusions(found) == ()
    assert protocol_of_day(PROTOCOL, found, 1).recording.notch == 60
    assert wanted.stages == ("refit", "evaluate")
