"""Where the loop stops for gates, where it never does, and what lets it go on."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.gates.held import Held, is_shown, session_to_show
from closedloop.artifacts.gates.report import CHECKPOINTS, Checkpoint, GateFinding, gate_report_path
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import OptionError, StudyError
from closedloop.study.gates.decisions import approve, held_now, hold
from closedloop.study.loop import Outcome, read_identity
from tests.equipment.processes import Child
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, from_stage, lab
from tests.unit.study.sessions import bring


def finding(gate: str, found: str = "6.10 h", level: str = "HOLD") -> GateFinding:
    return GateFinding.model_validate(
        {"gate": gate, "level": level, "expected": "at most 5 h", "found": found, "remedy": "Plan less."}
    )


def held(day: int, checkpoint: Checkpoint, gate: str, found: str = "6.10 h") -> Held:
    return Held(day, checkpoint, gate, "at most 5 h", found, "Plan less.")


def real(root: Path, **finds: GateFinding) -> Lab:
    """Return a study of an animal in which a checkpoint of a day finds something: `preflight_0=finding(...)`."""
    made = lab(root, simulated=False)
    for at, found in finds.items():
        find(made, at, found)
    return made


def find(made: Lab, at: str, *found: GateFinding) -> None:
    name, _, day = at.partition("_")
    (checkpoint,) = (one for one in CHECKPOINTS if one == name)
    made.finds[int(day), checkpoint] = found


def approved(made: Lab, gate: str, *, day: int | None = None) -> tuple[Held, ...]:
    return approve(made.paths, *read_identity(made.paths), gate, by="ada", reason="looked at it", day=day)


def bring_day(made: Lab, day: int) -> None:
    """Bring what a person brings from a day, one after the other."""
    bring(made.paths, day)
    made.run()
    bring_recording(made.paths, day)


def test_gates_are_asked_after_their_stages_and_a_study_without_findings_goes_on(tmp_path: Path) -> None:
    made = lab(tmp_path)
    assert made.run() == Outcome(None, 1)
    assert made.asked == [(day, checkpoint) for day in (0, 1) for checkpoint in CHECKPOINTS]
    assert not any("goes on by itself" in line for line in made.listener.said)


def test_what_is_found_of_a_session_holds_before_it_is_shown(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    assert made.run() == Outcome(None, 0, (held(0, "preflight", "hours"),))
    assert made.ran[-1] == "0 schedule"
    assert made.run() == Outcome(None, 0, (held(0, "preflight", "hours"),))
    assert made.ran == []


@pytest.mark.parametrize("checkpoint", ["intake", "review"])
def test_what_is_found_of_a_day_holds_the_making_of_the_next_session_and_nothing_before(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    made = real(tmp_path, **{f"{checkpoint}_0": finding("lost_codes")})
    made.run()
    bring_day(made, 0)
    assert made.run() == Outcome(None, 1, (held(0, checkpoint, "lost_codes"),))
    assert made.ran == from_stage("ingest", 0, until=2)[: -len(from_stage("schedule", 1, until=2))]
    assert made.ran[-2:] == ["1 plan", "1 synthesize"]


def test_nothing_holds_a_session_that_has_begun(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    made.run()
    bring(made.paths, 0)
    outcome = made.run()
    assert outcome.held_by == ()
    assert outcome.waiting_for is not None
    assert (0, "present") in made.listener.ended
    assert is_shown(made.paths, 0)
    assert session_to_show(made.paths, 2) == (1, 1)


def test_a_half_shown_simulated_session_has_begun_too(tmp_path: Path) -> None:
    made = lab(tmp_path)
    working = made.paths.working("present", 0)
    working.mkdir(parents=True)
    assert not is_shown(made.paths, 0)
    (working / JOURNAL.name).touch()
    assert is_shown(made.paths, 0)


def test_a_warning_holds_nothing(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours", level="WARN"))
    assert made.run().held_by == ()


def test_an_approval_lets_the_study_go_on_and_is_kept_with_who_and_why(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    made.run()
    assert approved(made, "hours") == (held(0, "preflight", "hours"),)
    (amendment,) = read_amendments(made.paths.amendments)
    assert (amendment.kind, amendment.day, amendment.who, amendment.why) == ("approve_gate", 0, "ada", "looked at it")
    assert (amendment.subject, amendment.before) == (("preflight", "hours"), {"found": "6.10 h"})
    outcome = made.run()
    assert outcome.held_by == ()
    assert outcome.waiting_for


def test_an_approval_is_void_once_the_gate_finds_something_else(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    made.run()
    approved(made, "hours")
    find(made, "preflight_0", finding("hours", found="9.00 h"))
    assert made.run().held_by == (held(0, "preflight", "hours", "9.00 h"),)
    find(made, "preflight_0", finding("hours"))
    assert made.run().held_by == ()


def test_what_is_approved_is_what_was_read(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours", found="9.00 h"))
    made.run()
    said = {"by": "ada", "reason": "looked at it", "day": 0}
    with refused(
        StudyError, tmp_path, "expected what was read of it, 6.10 h, found 9.00 h. Read it, and decide again."
    ):
        approve(made.paths, *read_identity(made.paths), "hours", found="6.10 h", **said)
    assert not made.paths.amendments.exists()
    approve(made.paths, *read_identity(made.paths), "hours", found="9.00 h", **said)
    assert made.run().held_by == ()


def test_an_approval_is_of_one_gate_on_one_day(tmp_path: Path) -> None:
    made = real(tmp_path)
    find(made, "intake_0", finding("lost_codes"), finding("rate_drift"))
    find(made, "preflight_1", finding("lost_codes"))
    made.run()
    bring_day(made, 0)
    assert [one.gate for one in made.run().held_by] == ["lost_codes", "rate_drift"]
    approved(made, "lost_codes")
    assert [one.gate for one in made.run().held_by] == ["rate_drift"]
    approved(made, "rate_drift")
    assert made.run().held_by == (held(1, "preflight", "lost_codes"),)


def test_of_a_gate_that_holds_on_two_days_a_day_says_which(tmp_path: Path) -> None:
    made = real(tmp_path, intake_0=finding("hours"), preflight_1=finding("hours"))
    made.run()
    bring_day(made, 0)
    made.run()
    approved(made, "hours", day=0)
    made.run()
    assert held_now(made.paths, *read_identity(made.paths)) == (held(1, "preflight", "hours"),)


def test_a_simulated_study_goes_on_by_itself_and_says_so_once_for_each_gate(tmp_path: Path) -> None:
    made = lab(tmp_path)
    find(made, "preflight_0", finding("hours"))
    find(made, "review_0", finding("refit_better", found="worse"))
    find(made, "intake_1", finding("lost_codes"))  # of the last day: nothing comes after it
    assert made.run() == Outcome(None, 1)
    assert [line for line in made.listener.said if "by itself" in line] == [
        "day 0 preflight, hours: expected at most 5 h, found 6.10 h. A simulated study goes on by itself.",
        "day 0 review, refit_better: expected at most 5 h, found worse. A simulated study goes on by itself.",
    ]
    assert made.run() == Outcome(None, 1)
    assert made.listener.said == []


def hold_when_simulated(made: Lab) -> None:
    made.paths.protocol.write_text(made.paths.protocol.read_text() + "\ngates: {simulated: hold}\n")


def test_a_simulated_study_holds_where_its_protocol_says_so(tmp_path: Path) -> None:
    made = lab(tmp_path)
    hold_when_simulated(made)
    find(made, "review_0", finding("refit_better"))
    assert made.run() == Outcome(None, 1, (held(0, "review", "refit_better"),))
    approved(made, "refit_better")
    assert made.run() == Outcome(None, 1)
    assert made.ran == from_stage("schedule", 1, until=2)


def test_a_simulated_study_that_goes_on_has_nothing_to_approve(tmp_path: Path) -> None:
    made = lab(tmp_path)
    find(made, "preflight_0", finding("hours"))
    made.run(days=1)
    with refused(StudyError, tmp_path, "it goes on by itself", "gates.simulated: hold"):
        approved(made, "hours")


@pytest.mark.parametrize("simulated", [False, True])
def test_a_person_s_hold_stops_before_anything_is_shown_until_it_is_released(tmp_path: Path, simulated: bool) -> None:
    made = lab(tmp_path, simulated=simulated)
    document, protocol = read_identity(made.paths)
    assert hold(made.paths, document, protocol, by="ada", reason="the animal is ill") == Block(0)
    (one,) = made.run().held_by
    assert made.ran[-1] == "0 schedule"
    assert (one.day, one.checkpoint, one.gate) == (0, "person", "hold")
    assert one.found.startswith("held by ada since 20")
    assert one.found.endswith(": the animal is ill")
    with refused(StudyError, tmp_path, "expected a study that nobody holds", "closedloop release"):
        hold(made.paths, document, protocol, by="bob", reason="me too")
    approved(made, "hold")
    assert made.run().held_by == ()
    assert [one.kind for one in read_amendments(made.paths.amendments)] == ["hold", "release"]


def test_of_those_who_decide_the_same_in_one_moment_one_does_and_the_others_are_told(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    made.run()
    document, protocol = read_identity(made.paths)
    acts = {
        "hold": lambda: hold(made.paths, document, protocol, by="ada", reason="the animal is ill"),
        "approve": lambda: approved(made, "hours"),
    }
    start = threading.Barrier(8)

    def decide(name: str) -> str:
        start.wait()
        try:
            acts[name]()
        except StudyError as error:
            return f"{name} refused: {error}"
        return name

    with ThreadPoolExecutor(8) as people:
        said = list(people.map(decide, ["hold", "approve"] * 4))
    assert sorted(one for one in said if "refused" not in one) == ["approve", "hold"]
    assert all("held by ada" in one or "expected what holds" in one for one in said if "refused" in one)
    assert sorted(one.kind for one in read_amendments(made.paths.amendments)) == ["approve_gate", "hold"]
    assert [one.gate for one in held_now(made.paths, document, protocol)] == ["hold"]  # both stand


def test_a_hold_while_a_day_is_shown_is_of_the_next(tmp_path: Path) -> None:
    made = real(tmp_path)
    made.run()
    bring(made.paths, 0)
    document, protocol = read_identity(made.paths)
    assert hold(made.paths, document, protocol, by="ada", reason="enough for now") == Block(1)
    outcome = made.run()
    assert outcome.held_by == ()
    assert outcome.waiting_for
    bring_recording(made.paths, 0)
    assert [one.gate for one in made.run().held_by] == ["hold"]
    assert made.ran[-1] == "1 schedule"


def test_there_is_nothing_to_hold_once_all_is_shown(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    document, protocol = read_identity(made.paths)
    with refused(StudyError, tmp_path, "Nothing is left to hold."):
        hold(made.paths, document, protocol, by="ada", reason="no")


def test_what_does_not_hold_cannot_be_approved_and_what_does_is_named(tmp_path: Path) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    with refused(StudyError, tmp_path, "expected hours to hold the study, found that nothing does", "closedloop run"):
        approved(made, "hours")
    made.run()
    with refused(StudyError, "GATE: expected what holds", "hours of day 0, found hour."):
        approved(made, "hour")
    with refused(StudyError, "GATE: expected what holds", "hours of day 0, found hours on day 1."):
        approved(made, "hours", day=1)
    assert not made.paths.amendments.exists()


@pytest.mark.parametrize(("by", "reason"), [("ada", " "), ("", "so"), ("a\nb", "so")])
def test_an_approval_has_a_name_and_a_reason_that_can_be_read(tmp_path: Path, by: str, reason: str) -> None:
    made = real(tmp_path, preflight_0=finding("hours"))
    made.run()
    with pytest.raises(OptionError):
        approve(made.paths, *read_identity(made.paths), "hours", by=by, reason=reason)


def test_the_command_that_approves_can_be_pasted(tmp_path: Path) -> None:
    study = tmp_path / "a study of monkey's"
    words = shlex.split(held(3, "intake", "lost_codes").approval(study))
    assert words[:6] == ["closedloop", "approve", str(study), "lost_codes", "--day", "3"]


def test_killed_between_a_stage_and_its_gates_the_next_run_asks_them(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    places = [gate_report_path(made.paths, 0, checkpoint) for checkpoint in CHECKPOINTS]
    before = [place.read_bytes() for place in places]
    for place in places:
        place.unlink()
    made.run()
    assert made.ran == []
    assert [place.read_bytes() for place in places] == before


def test_a_study_of_a_version_without_gates_goes_on_with_its_reports_written(tmp_path: Path) -> None:
    """Its recorded days are shown: what is found of them now holds only what is still to come."""
    made = real(tmp_path)
    made.run()
    bring_day(made, 0)
    made.run()
    bring(made.paths, 1)
    for path in made.paths.root.glob("day-*/gates/*"):
        path.unlink()
    find(made, "preflight_0", finding("hours"))
    find(made, "intake_0", finding("lost_codes"))
    outcome = made.run()
    assert outcome.held_by == ()
    assert json.loads(gate_report_path(made.paths, 0, "intake").read_text())["findings"][0]["gate"] == "lost_codes"


def test_a_report_that_was_half_written_when_its_loop_was_killed_is_swept(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    with Child([sys.executable, "-c", ""]) as ended:
        ended.wait()
    half = gate_report_path(made.paths, 0, "intake").with_name(f".intake.json.{ended.pid}.tmp")
    half.write_text("{")
    made.run()
    assert not half.exists()
    assert gate_report_path(made.paths, 0, "intake").is_file()
