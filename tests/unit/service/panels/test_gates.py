"""Panel of the gates: what was found, what of it holds now, and who decided what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.gates.report import Checkpoint, GateFinding, GateLevel, GateReport, gate_report_path
from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import gates, stages
from closedloop.service.panels.gates import GatesPanel, ShownFinding
from closedloop.service.web.render import StudyName, render_fragment
from closedloop.study.gates.decisions import approve, hold
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import read_identity
from tests.unit.study.labs import lab

REMEDY = "Look at the connector."


def report(paths: StudyPaths, day: int, checkpoint: Checkpoint, **levels: GateLevel) -> None:
    """Write what gates found, by their names."""
    findings = tuple(
        GateFinding(
            gate=gate,
            level=level,
            expected="20 sites",
            found="4 sites" if level != "PASS" else "21 sites",
            remedy="" if level == "PASS" else REMEDY,
        )
        for gate, level in levels.items()
    )
    place = gate_report_path(paths, day, checkpoint)
    place.parent.mkdir(parents=True, exist_ok=True)
    GateReport(simulated=False, day=day, checkpoint=checkpoint, made_from={}, findings=findings).write(place)


def one_of(panel: GatesPanel, gate: str) -> ShownFinding:
    (found,) = (finding for one in panel.checkpoints for finding in one.findings if finding.gate == gate)
    return found


def drawn(paths: StudyPaths) -> str:
    return render_fragment(gates, gates.read(paths), StudyName("one"))


def animal(tmp_path: Path) -> StudyPaths:
    return lab(tmp_path / "study", days=3, simulated=False).paths


def begin_session(paths: StudyPaths, day: int) -> None:
    folder = paths.folder("present", day)
    folder.mkdir(parents=True)
    (folder / JOURNAL.name).touch()


def test_what_holds_comes_first_then_what_warns(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    report(paths, 0, "preflight", disk="PASS", hours="WARN", twins="HOLD", reuse="PASS")
    (one,) = gates.read(paths).checkpoints
    assert [(finding.gate, finding.holds) for finding in one.findings] == [
        ("twins", True),
        ("hours", False),
        ("disk", False),
        ("reuse", False),
    ]
    assert (one.n_holds, one.worst, one.when) == (1, "HOLD", "before the session is shown")
    text = drawn(paths)
    assert text.count('data-action="approve"') == 1
    assert 'data-gate="twins" data-day="0" data-block="1"' in text
    assert "2 pass" in text
    assert "disk, reuse" in text


def test_days_before_yesterday_are_folded_unless_they_hold(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    for day in range(5):
        report(paths, day, "preflight", twins="HOLD" if day == 1 else "PASS", disk="WARN" if day == 0 else "PASS")
    begin_session(paths, 0)
    shown, _, folded = drawn(paths).partition('<details id="gates-earlier">')
    assert [day for day in range(5) if f'id="gates-{day}-preflight"' in shown] == [1, 3, 4]
    assert [day for day in range(5) if f'id="gates-{day}-preflight"' in folded] == [0, 2]
    assert "1 of 2 looks did not pass" in folded


def test_an_approval_lets_it_go_and_is_told_with_its_name_and_reason(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    report(paths, 0, "preflight", twins="HOLD")
    assert one_of(gates.read(paths), "twins").holds
    approve(paths, *read_identity(paths), "twins", by="Ada", reason="<b>seen</b>", day=0)
    found = gates.read(paths)
    twins = one_of(found, "twins")
    assert (twins.holds, twins.passed, found.held_by, found.checkpoints[0].worst) == (False, "", (), "WARN")
    assert twins.approved.startswith("by Ada, 20")
    assert twins.approved.endswith(" UTC: <b>seen</b>")
    assert "</svg> approved</span>" in drawn(paths)
    assert "&lt;b&gt;seen&lt;/b&gt;" in drawn(paths)
    assert 'data-action="approve"' not in drawn(paths)


def test_an_approval_of_other_words_is_void(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    report(paths, 0, "preflight", twins="HOLD")
    approve(paths, *read_identity(paths), "twins", by="Ada", reason="seen", day=0)
    place = gate_report_path(paths, 0, "preflight")
    place.write_text(place.read_text().replace("4 sites", "3 sites"))
    assert (one_of(gates.read(paths), "twins").holds, one_of(gates.read(paths), "twins").approved) == (True, "")


def test_a_session_that_has_begun_is_held_by_nothing(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    report(paths, 0, "preflight", twins="HOLD")
    assert one_of(gates.read(paths), "twins").holds
    begin_session(paths, 0)
    twins = one_of(gates.read(paths), "twins")
    assert (twins.holds, twins.passed) == (False, "the session of day 0 has begun: nothing holds it any more")


def test_what_was_found_of_a_day_holds_the_next_one(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    begin_session(paths, 0)
    report(paths, 0, "intake", lost="HOLD")
    report(paths, 0, "review", refit="HOLD")
    found = gates.read(paths)
    assert [one.checkpoint for one in found.checkpoints] == ["review", "intake"]  # the latest first
    assert [one.gate for one in found.held_by] == ["lost", "refit"]
    begin_session(paths, 1)
    assert gates.read(paths).held_by == ()
    assert one_of(gates.read(paths), "lost").passed == "the session of day 1 has begun: nothing holds it any more"


def test_a_simulated_study_says_that_it_goes_on_by_itself(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study", days=3).paths
    report(paths, 0, "preflight", twins="HOLD", disk="WARN")
    found = gates.read(paths)
    assert (one_of(found, "twins").holds, one_of(found, "twins").passed) == (
        False,
        "a simulated study goes on by itself",
    )
    assert (one_of(found, "disk").passed, found.held_by) == ("", ())


def test_a_persons_hold_is_told_and_can_be_released(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    assert 'data-action="hold"' in drawn(paths)
    hold(paths, *read_identity(paths), by="Ada", reason="he has a fever")
    found = gates.read(paths)
    assert found.held_by_hand.startswith("held by Ada since 20")
    assert found.held_by_hand.endswith(": he has a fever")
    assert 'data-action="release"' in drawn(paths)
    assert 'data-action="hold"' not in drawn(paths)
    approve(paths, *read_identity(paths), "hold", by="Ada", reason="he is well")
    assert gates.read(paths).held_by_hand == ""


def test_days_are_told_from_the_latest_one_on_whatever_else_lies_there(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    for day in (2, 0, 10):
        report(paths, day, "preflight", disk="PASS")
    for name in ("day-x", "day-03.2", "day-", "day-٣", "day-99999999999999999999"):
        (paths.root / name / "gates").mkdir(parents=True)
    assert [one.day for one in gates.read(paths).checkpoints] == [10, 2, 0]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "list": lambda path: path.write_text("[]\n"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["day-00/gates/preflight.json", "amendments.jsonl", "study.json", "protocol.yaml"])
def test_what_cannot_be_read_is_said_and_the_rest_is_shown(tmp_path: Path, name: str, damage: str) -> None:
    paths = animal(tmp_path)
    hold(paths, *read_identity(paths), by="Ada", reason="fever")
    report(paths, 0, "preflight", twins="HOLD")
    report(paths, 0, "intake", lost="WARN")
    DAMAGES[damage](paths.root / name)
    found = gates.read(paths)
    if (name, damage) == ("day-00/gates/preflight.json", "folder"):
        assert found.damaged == ()  # as one that nobody wrote yet
    else:
        assert any(line.startswith(str(paths.root / name)) for line in found.damaged)
    assert next(finding.gate for one in found.checkpoints for finding in one.findings) == "lost"
    assert drawn(paths)


def test_what_holds_is_said_where_the_study_stands(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    with open_ledger(paths.ledger) as ledger:
        ledger.begin(0, "plan", "hash")
        ledger.finish(0, "plan", "hash", seconds=1.0)
        ledger.wait(0, "present", "hash", "Present the session.")
    assert stages.read(paths).state == "waiting"
    report(paths, 0, "preflight", twins="HOLD")
    hold(paths, *read_identity(paths), by="Ada", reason="fever")
    found = stages.read(paths)
    assert found.state == "held"
    assert [(need.kind, need.place, need.remedy, need.anchor) for need in found.needs] == [
        ("held", "day 0 preflight, twins", REMEDY, "finding-0-preflight-twins"),
        ("held", "by a person", "", "gates"),
    ]
    text = render_fragment(stages, found, StudyName("one")) + drawn(paths)
    for need in found.needs:
        assert f'href="#{need.anchor}"' in text
    assert 'id="finding-0-preflight-twins"' in text


def test_a_study_at_its_end_cannot_be_held(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    for day in range(3):
        assert 'data-action="hold"' in drawn(paths)
        begin_session(paths, day)
    text = drawn(paths)
    assert 'data-action="hold"' not in text
    assert 'data-action="retry"' in text
