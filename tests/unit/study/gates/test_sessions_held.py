"""A day's second session has findings of its own: approved of that session alone, from the page and the command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from closedloop.artifacts.gates.held import Held, approval_of, read_gate_report
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.commands.gates import approve_gate, hold_study
from closedloop.errors import OptionError, StudyError
from closedloop.service.deciding import LoopControl
from closedloop.service.over_days.decisions import read_entries
from closedloop.service.panels import gates
from closedloop.service.state import LedgerReader, standing_at_rest
from closedloop.service.web.render import StudyName, render_fragment
from tests.unit.messages import refused
from tests.unit.study.amending.test_blocks import SECOND, at, record_block, with_second
from tests.unit.study.labs import Lab

FOUND = "4 sites"


def finding(gate: str) -> GateFinding:
    return GateFinding(gate=gate, level="HOLD", expected="20 sites", found=FOUND, remedy="Look.")


@pytest.fixture
def held(tmp_path: Path) -> Lab:
    """A study of an animal whose day 1 found the same at the intake of both of its sessions: day 2 is held."""
    made = with_second(tmp_path / "study")
    made.finds[1, "intake"] = (finding("site_yield"),)
    record_block(made, SECOND)
    return made


def holding(made: Lab) -> list[Block]:
    return [one.session for one in made.run().held_by]


def control(made: Lab, said: list[str]) -> LoopControl:
    return LoopControl(names={made.paths: "one"}, retry_now=said.append, say=said.append)


def test_the_page_s_button_names_the_session_and_approves_that_one_s_finding(held: Lab) -> None:
    assert holding(held) == [SECOND]
    text = render_fragment(gates, gates.read(held.paths), StudyName("one"))
    assert 'data-gate="site_yield" data-day="1" data-block="2"' in text
    assert text.count('data-action="approve"') == 1
    said = list[str]()
    words = {"gate": "site_yield", "found": FOUND, "by": "Ada", "reason": "known"}
    with refused(StudyError, "GATE: expected what holds", "site_yield of day 1, session 2, found site_yield on day 1."):
        control(held, said).approve(held.paths, session=Block(1), **words)
    control(held, said).approve(held.paths, session=SECOND, **words)
    assert said == ["one: Ada approves site_yield of day 1, session 2: known"]
    (line,) = (one for one in read_amendments(held.paths.amendments) if one.kind == "approve_gate")
    assert (line.day, line.block) == SECOND
    report = read_gate_report(at(held, SECOND), 1, "intake")
    assert report is not None
    lines = read_amendments(held.paths.amendments)
    assert approval_of(report.findings[0], SECOND, "intake", lines) == line
    assert approval_of(report.findings[0], Block(1), "intake", lines) is None
    assert holding(held) == []


def test_the_command_that_approves_names_the_session(held: Lab) -> None:
    (one,) = held.run().held_by
    words = shlex.split(one.approval(held.paths.root))
    assert words[3:8] == ["site_yield", "--day", "1", "--block", "2"]
    of_first = Held(1, "intake", "site_yield", "20", FOUND, "Look.")
    assert "--block" not in of_first.approval(held.paths.root)
    told = {"gate": "site_yield", "by": "Ada", "reason": "known"}
    with refused(OptionError, "--block: expected a session of day 1 (1 or 2), found 3."):
        approve_gate(held.paths.root, day=1, block=3, **told)
    with refused(OptionError, "--block: expected --day with it"):
        approve_gate(held.paths.root, day=None, block=2, **told)
    lines = approve_gate(held.paths.root, day=1, block=2, **told)
    assert lines[0].startswith("day 1, session 2 intake, site_yield:")
    assert holding(held) == []


def test_history_and_notices_name_the_session(held: Lab) -> None:
    entries, _ = read_entries(held.paths)
    labels = {one.day_label for one in entries if one.kind == "gate"}
    assert "day 1, session 2" in labels
    standing = standing_at_rest(held.paths, LedgerReader(held.paths))
    assert (standing.state, standing.day, standing.block) == ("held", 1, 2)
    assert "day 1, session 2 intake" in standing.where_and_why(with_stage=False)


def test_a_person_holds_a_second_session(tmp_path: Path) -> None:
    made = with_second(tmp_path / "study")
    assert hold_study(made.paths.root, by="Ada", reason="ill").startswith("Held from day 1, session 2 on:")
    (one,) = made.run().held_by
    assert (one.session, one.line[:24]) == (SECOND, "day 1, session 2: held b")
