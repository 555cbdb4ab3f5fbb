"""Another rig between two days is taken, and noted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closedloop.artifacts.amended.rigs import shown_by
from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.records.amendments import read_amendments
from tests.unit.study import sessions
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring


def recorded_by(made: Lab, day: int, rig: dict[str, Any], monkeypatch: Any) -> None:
    plain = sessions.launch
    with monkeypatch.context() as other:
        other.setattr(sessions, "launch", lambda number, name, **changes: plain(number, name, **(rig | changes)))
        bring(made.paths, day)
    bring_recording(made.paths, day)
    made.run()


def test_each_change_of_rig_is_a_line_and_the_same_rig_none(tmp_path: Path, monkeypatch: Any) -> None:
    made = lab(tmp_path, days=4, simulated=False)
    made.run()
    rigs = [{"rig": "lab-1", "rig_sha256": "a" * 64}] * 2 + [{"rig": "lab-2", "rig_sha256": "b" * 64}] * 2
    said = []
    for day, rig in enumerate(rigs):
        recorded_by(made, day, rig, monkeypatch)
        said += [line for line in made.listener.said if "rig" in line]
    (line,) = read_amendments(made.paths.amendments)
    assert (line.kind, line.day, line.subject) == ("change_rig", 2, ("lab-2",))
    assert len(said) == 1
    assert "day 2: the session was shown by rig lab-2" in said[0]
    assert in_words(line) == (
        "had the session shown by rig lab-2 (rig.yaml bbbbbbbbbbbb); the day before it was rig lab-1 (rig.yaml "
        "aaaaaaaaaaaa)"
    )
    assert shown_by((line,)) == (
        "Until day 1 sessions were shown by rig lab-1 (rig.yaml aaaaaaaaaaaa).",
        "From day 2 on they were shown by rig lab-2 (rig.yaml bbbbbbbbbbbb).",
    )


def test_rigs_without_a_name_are_one(tmp_path: Path, monkeypatch: Any) -> None:
    made = lab(tmp_path, days=2, simulated=False)
    made.run()
    for day in range(2):
        recorded_by(made, day, {}, monkeypatch)
    assert read_amendments(made.paths.amendments) == ()
