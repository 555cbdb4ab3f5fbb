"""`closedloop approve`, `hold`, `release` and the exit codes of `run`, by the command line itself."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import closedloop.cli
from closedloop.artifacts.gates.held import Held
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.commands.run import exit_code_of
from closedloop.commands.status import read_status, status_as_json, status_lines
from closedloop.errors import OptionError, StudyError
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import Outcome
from closedloop.study.process.lock import wait_lock
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

LOST = GateFinding(
    gate="lost_codes",
    level="HOLD",
    expected="few",
    found="1 of 3 lost",
    remedy="Look at the port.",
    values={"part": 0.3},
)


@pytest.fixture
def held(tmp_path: Path) -> Lab:
    """Return a study in a folder whose name a shell would act on, held by what was found of its first session."""
    made = lab(tmp_path / "ada's $study", simulated=False)
    made.finds[0, "preflight"] = (LOST,)
    made.run()
    return made


def ran(*words: str | Path) -> tuple[int, str]:
    """Return how a command line ends and what it prints; an error is raised."""
    finished = CliRunner().invoke(closedloop.cli.app, [str(word) for word in words], catch_exceptions=False)
    return finished.exit_code, finished.output


def test_what_holds_is_said_with_a_command_that_approves_it_when_it_is_pasted(held: Lab) -> None:
    lines = status_lines(read_status(held.paths.root))
    said = lines.index("Held: day 0 preflight, lost_codes: expected few, found 1 of 3 lost.")
    command = lines[said + 1].partition("`")[2].rstrip("`")
    assert lines[said + 1].startswith("  Look at the port. Or approve it: `closedloop approve ")
    words = shlex.split(command.replace("NAME", "ada").replace("TEXT", "'seen it'"))
    code, output = ran(*words[1:])
    assert code == 0
    assert output.splitlines() == [
        f"day 0 preflight, lost_codes: expected few, found 1 of 3 lost. Approved; noted in {held.paths.amendments}.",
        f"Go on with `closedloop run {shlex.quote(str(held.paths.root))}`.",
    ]
    assert read_status(held.paths.root).held_by == ()
    assert held.run().held_by == ()


def test_status_tells_what_warns_and_not_what_passes(held: Lab) -> None:
    held.finds[0, "preflight"] = (
        LOST.model_copy(update={"gate": "hours", "level": "WARN"}),
        LOST.model_copy(update={"gate": "disk", "level": "PASS"}),
    )
    held.run()
    status = read_status(held.paths.root)
    assert [(one.day, one.checkpoint, one.gate) for one in status.warned_by] == [(0, "preflight", "hours")]
    warned = [line for line in status_lines(status) if line.startswith("warned: ")]
    assert warned == ["warned: day 0 preflight, hours: expected few, found 1 of 3 lost. Look at the port."]
    assert json.loads(status_as_json(status))["warned_by"][0]["remedy"] == "Look at the port."


def test_a_loop_that_waits_is_named_by_an_approval(held: Lab) -> None:
    with wait_lock(held.paths.root):
        _, output = ran("approve", held.paths.root, "lost_codes", "--reason", "seen")
    assert output.splitlines()[1].startswith("The study goes on by itself: ")


def test_an_approval_says_what_holds_besides(held: Lab) -> None:
    held.finds[0, "preflight"] = (LOST, LOST.model_copy(update={"gate": "hours"}))
    held.run()
    _, output = ran("approve", held.paths.root, "lost_codes", "--reason", "seen")
    assert output.splitlines()[1] == "Held: day 0 preflight, hours: expected few, found 1 of 3 lost."
    assert "closedloop run" not in output


def test_a_hold_says_how_it_is_released_and_holds(held: Lab) -> None:
    code, output = ran("hold", held.paths.root, "--by", "ada", "--reason", "ill")
    assert code == 0
    assert output.startswith("Held from day 0 on: nothing is shown until it is released by `closedloop release ")
    ran("approve", held.paths.root, "lost_codes", "--reason", "seen")
    assert [one.gate for one in held.run().held_by] == ["hold"]
    command = output.partition("`")[2].partition("`")[0].replace("NAME", "bob").replace("TEXT", "well")
    _, output = ran(*shlex.split(command)[1:])
    assert "Released; noted in" in output
    assert held.run().held_by == ()
    assert [one.kind for one in read_amendments(held.paths.amendments)] == ["hold", "approve_gate", "release"]


def test_a_hold_is_released_by_the_name_of_a_gate_too(held: Lab) -> None:
    ran("hold", held.paths.root, "--reason", "ill")
    _, output = ran("approve", held.paths.root, "hold", "--reason", "well")
    assert "Released; noted in" in output


def test_a_release_is_of_a_hold_and_of_no_gate_s(held: Lab) -> None:
    with refused(StudyError, held.paths.root, "found that a gate does", "closedloop approve", "lost_codes"):
        ran("release", held.paths.root, "--reason", "well")
    ran("approve", held.paths.root, "lost_codes", "--reason", "seen")
    with refused(StudyError, held.paths.root, "expected a study that somebody holds, found that nobody does"):
        ran("release", held.paths.root, "--reason", "well")
    assert [one.kind for one in read_amendments(held.paths.amendments)] == ["approve_gate"]


@pytest.mark.parametrize("words", [("approve", "{study}", "lost_codes"), ("hold", "{study}"), ("release", "{study}")])
def test_a_decision_needs_a_reason(held: Lab, words: tuple[str, ...]) -> None:
    given = [word.format(study=held.paths.root) for word in words]
    assert CliRunner().invoke(closedloop.cli.app, given).exit_code == 2
    with refused(OptionError, "--reason: expected a reason, found none."):
        ran(*given, "--reason", " ")
    assert not held.paths.amendments.exists()


def test_a_gate_that_does_not_hold_is_an_error_that_names_those_that_do(held: Lab) -> None:
    with refused(StudyError, "GATE: expected what holds", "lost_codes of day 0, found lost_code."):
        ran("approve", held.paths.root, "lost_code", "--reason", "seen")
    with refused(StudyError, "--day: expected a day of the study, found 7"):
        ran("approve", held.paths.root, "lost_codes", "--day", "7", "--reason", "seen")


def test_the_exit_code_says_what_comes_next() -> None:
    by = (Held(0, "preflight", "hours", "few", "many", "Plan less."),)
    outcomes = [Outcome(None, 1), Outcome("a session", 0), Outcome(None, 0, by)]
    assert [exit_code_of(outcome) for outcome in outcomes] == [0, 3, 4]


def told(made: Lab) -> dict[str, object]:
    found = json.loads(status_as_json(read_status(made.paths.root)))
    return {name: found[name] for name in ("state", "next", "waiting_for", "held_by", "progress")}


def test_status_has_the_state_in_a_word_and_what_holds_with_its_command(held: Lab) -> None:
    root = held.paths.root
    assert told(held) == {
        "state": "held",
        "next": {"day": 0, "stage": "present"},
        "waiting_for": None,
        "held_by": [
            {
                "day": 0,
                "checkpoint": "preflight",
                "gate": "lost_codes",
                "expected": "few",
                "found": "1 of 3 lost",
                "remedy": "Look at the port.",
                "approve": f"closedloop approve {shlex.quote(str(root))} lost_codes --day 0 --by NAME --reason TEXT",
            }
        ],
        "progress": None,
    }


def test_the_states_of_a_study_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    assert (told(made)["state"], told(made)["next"]) == ("new", {"day": -1, "stage": "start"})
    made.run()
    assert (told(made)["state"], told(made)["next"]) == ("waiting", {"day": 0, "stage": "present"})
    ran("hold", tmp_path, "--reason", "pause")
    assert told(made)["state"] == "held"
    bring(made.paths, 0)  # it was shown: the hold is of no day any more
    made.run()
    assert (told(made)["state"], told(made)["held_by"]) == ("waiting", [])
    bring_recording(made.paths, 0)
    made.run()
    assert (told(made)["state"], told(made)["next"]) == ("done", None)


def test_a_hold_of_tomorrow_does_not_hide_what_is_waited_for_today(tmp_path: Path) -> None:
    made = lab(tmp_path, simulated=False)
    made.run()
    bring(made.paths, 0)
    made.run()
    ran("hold", tmp_path, "--reason", "pause")
    found = told(made)
    assert found["state"] == "waiting"
    assert "recording" in str(found["waiting_for"])
    assert [one["gate"] for one in found["held_by"]] == ["hold"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("recorded", "state"), [("failed", "failed"), ("running", "stopped")])
def test_a_stage_that_failed_or_whose_process_is_gone_is_a_state(tmp_path: Path, recorded: str, state: str) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    with open_ledger(made.paths.ledger) as ledger:
        ledger.begin(0, "evaluate", "other")
        if recorded == "failed":
            ledger.fail(0, "evaluate", "other", "a.png: expected a picture, found none. Restore it.")
    (made.paths.folder("evaluate", 0) / "manifest.json").unlink()
    assert told(made)["state"] == state
    assert told(made)["next"] == {"day": 0, "stage": "evaluate"}


def test_status_writes_nothing(held: Lab) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in held.paths.root.rglob("*")
            if "ledger" not in path.name
        }

    before = state()
    told(held)
    assert state() == before
