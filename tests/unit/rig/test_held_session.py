"""A session folder in its study is not shown beside a gate that holds; a copy elsewhere knows nothing of it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from closedloop.artifacts.gates.report import GateFinding, GateReport, gate_report_path
from closedloop.artifacts.gates.sources import sources
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.amendments import Amendment, append_amendment, utc_now
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check.inspection import Inspection
from rig.check.run import run_checks
from rig.check.table import CHECKS, look
from rig.launch import run_launch
from rig.stop import StopRequest
from tests.unit.messages import refused
from tests.unit.rig.conftest import build_session
from tests.unit.study.labs import lab

FOUND = "6.10 h"
SAID = "day 0 preflight, hours: expected at most 5 h, found 6.10 h"


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    """A study of which a simulated session is ready; its protocol has the gates of one of an animal."""
    paths = lab(tmp_path / "monkey's study").paths
    paths.protocol.write_text(paths.protocol.read_text() + "\ngates: {simulated: hold}\n")
    build_session(paths.folder("schedule", 0))
    find(paths, level="PASS")
    return paths


def of_now(study: StudyPaths) -> dict[str, str]:
    """Return what a report of the session at hand says that it was made from."""
    files = [f"day-00/schedule/{name}" for name in ("session.json", "trials.parquet")]
    return sources(study, read_protocol(study.protocol), files, of=(FIRST, "preflight"), amendments=())


def find(study: StudyPaths, *, level: str = "HOLD", checkpoint: str = "preflight", day: int = 0) -> None:
    finding = GateFinding.model_validate(
        {"gate": "hours", "level": level, "expected": "at most 5 h", "found": FOUND, "remedy": "Plan less."}
    )
    report = GateReport.model_validate(
        {"simulated": True, "day": day, "checkpoint": checkpoint, "made_from": of_now(study), "findings": (finding,)}
    )
    place = gate_report_path(study, day, report.checkpoint)
    place.parent.mkdir(parents=True, exist_ok=True)
    report.write(place)


def decide(study: StudyPaths, kind: str, **values: object) -> None:
    said = {"kind": kind, "simulated": True, "day": 0, "utc": utc_now(), "who": "ada", "why": "seen", **values}
    append_amendment(study.amendments, Amendment.model_validate(said))


def held(folder: Path, out: Path, **options: object):
    """Return what the check of holds says of a session folder; None where it has nothing to look at."""
    launch = Launch(session=folder, out=out, display="headless", **options)  # type: ignore[arg-type]
    at = Inspection(launch)
    (row,) = (row for row in CHECKS if row.name == "held")
    return look(row, at)


def test_a_session_that_is_held_fails_the_check_with_the_command_that_approves_it(study, tmp_path) -> None:
    find(study)
    finding = held(study.folder("schedule", 0), tmp_path / "out")
    assert (finding.status, finding.can_be_overridden) == ("FAIL", False)
    assert finding.found == f"expected a session that nothing holds in its study, found it held: {SAID}"
    words = shlex.split(finding.fix.partition("`")[2].rstrip("`."))
    assert words[:6] == ["closedloop", "approve", str(study.root), "hours", "--day", "0"]


def test_rig_present_refuses_it_in_one_line_and_leaves_nothing(study, tmp_path) -> None:
    find(study)
    out = tmp_path / "out"
    launch = Launch(session=study.folder("schedule", 0), out=out, display="headless")
    with refused(SessionError, "held: expected a session that nothing holds in its study", SAID, "closedloop approve"):
        run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None)
    assert not out.exists() or not list(out.iterdir())


def test_a_warning_and_an_approval_let_it_pass(study, tmp_path) -> None:
    folder = study.folder("schedule", 0)
    assert held(folder, tmp_path / "out").status == "PASS"
    find(study, level="WARN")
    assert held(folder, tmp_path / "out").status == "PASS"
    find(study)
    decide(study, "approve_gate", subject=("preflight", "hours"), before={"found": "5.90 h"})
    assert held(folder, tmp_path / "out").status == "FAIL"
    decide(study, "approve_gate", subject=("preflight", "hours"), before={"found": FOUND})
    assert held(folder, tmp_path / "out").found == f"nothing holds it in {study.root}"


def test_what_was_found_of_the_day_before_holds_it_too(study, tmp_path) -> None:
    build_session(study.folder("schedule", 1))
    find(study, day=1, level="WARN")
    find(study, checkpoint="intake", level="WARN")
    find(study, checkpoint="review", level="WARN")
    assert held(study.folder("schedule", 1), tmp_path / "out").status == "PASS"
    find(study, checkpoint="review")
    assert held(study.folder("schedule", 0), tmp_path / "out").status == "PASS"
    assert held(study.folder("schedule", 1), tmp_path / "out").status == "FAIL"


def test_a_person_s_hold_holds_it_until_it_is_released(study, tmp_path) -> None:
    folder = study.folder("schedule", 0)
    decide(study, "hold")
    assert "held by ada since 20" in held(folder, tmp_path / "out").found
    decide(study, "release")
    assert held(folder, tmp_path / "out").status == "PASS"


def test_a_simulated_study_that_goes_on_by_itself_is_not_held(study, tmp_path) -> None:
    find(study)
    study.protocol.write_text(study.protocol.read_text().replace("simulated: hold", "simulated: go_on"))
    assert held(study.folder("schedule", 0), tmp_path / "out").status == "PASS"
    gate_report_path(study, 0, "preflight").unlink()
    assert held(study.folder("schedule", 0), tmp_path / "out").status == "PASS"


def test_a_session_that_has_begun_goes_on(study, tmp_path) -> None:
    find(study)
    folder, out = study.folder("schedule", 0), tmp_path / "out"
    out.mkdir()
    (out / "journal.jsonl").touch()
    assert held(folder, out) is None
    working = study.working("present", 0)  # a simulated session's, killed on the way
    working.mkdir()
    (working / "journal.jsonl").touch()
    assert held(folder, tmp_path / "other").status == "PASS"


def test_a_rehearsal_shows_an_animal_nothing(study, tmp_path) -> None:
    find(study)
    assert held(study.folder("schedule", 0), tmp_path / "out", is_rehearsal=True) is None


def test_a_copy_elsewhere_is_not_looked_for_and_a_link_is_followed(study, tmp_path) -> None:
    find(study)
    copy = shutil.copytree(study.folder("schedule", 0), tmp_path / "stick" / "schedule")
    assert held(copy, tmp_path / "out") is None
    day = tmp_path / "elsewhere" / "day-00"
    shutil.copytree(study.folder("schedule", 0), day / "schedule")
    assert held(day / "schedule", tmp_path / "out") is None
    link = tmp_path / "session"
    link.symlink_to(study.folder("schedule", 0))
    assert held(link, tmp_path / "out").status == "FAIL"


def test_a_report_that_cannot_be_read_stops_it(study, tmp_path) -> None:
    find(study)
    gate_report_path(study, 0, "preflight").write_text("{")
    finding = held(study.folder("schedule", 0), tmp_path / "out")
    assert finding.status == "FAIL"
    assert "preflight.json" in finding.found


@pytest.mark.parametrize(("day", "missing"), [(0, "preflight"), (1, "preflight"), (0, "intake"), (0, "review")])
def test_gates_that_nobody_asked_stop_it_as_a_loop_leaves_them_that_was_killed(study, tmp_path, day, missing) -> None:
    shown = 0 if (day, missing) == (0, "preflight") else 1
    build_session(study.folder("schedule", 1))
    for of_day, checkpoint in ((0, "intake"), (0, "review"), (1, "preflight")):
        find(study, day=of_day, checkpoint=checkpoint, level="PASS")
    assert held(study.folder("schedule", shown), tmp_path / "out").status == "PASS"
    gate_report_path(study, day, missing).unlink()
    finding = held(study.folder("schedule", shown), tmp_path / "out")
    assert finding.status == "FAIL"
    assert f"{missing}.json: expected what the gates find of what is there now, found none" in finding.found
    assert "closedloop run" in f"{finding.found} {finding.fix}"


def test_gates_that_were_asked_of_another_session_or_protocol_stop_it(study, tmp_path) -> None:
    folder = study.folder("schedule", 0)
    manifest = folder / "manifest.json"
    as_it_was = manifest.read_text()
    sha256 = of_now(study)["day-00/schedule/session.json"]
    manifest.write_text(as_it_was.replace(sha256, "0" * 64))
    assert "found one of other files" in held(folder, tmp_path / "out").found
    manifest.write_text(as_it_was)
    assert held(folder, tmp_path / "out").status == "PASS"
    study.protocol.write_text(study.protocol.read_text().replace("hold}", "hold, hours: {warn: 1, hold: 2}}"))
    assert "another protocol" in held(folder, tmp_path / "out").found


def test_the_row_stands_in_the_table_before_anything_is_opened(study, tmp_path) -> None:
    find(study)
    launch = Launch(session=study.folder("schedule", 0), out=tmp_path / "out", display="headless")
    assert [one.name for one in run_checks(launch) if one.status == "FAIL"] == ["held"]
