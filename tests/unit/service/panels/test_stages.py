"""Panel of the stages: every number is one that the ledger, a note or the lock says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal_rows import SessionEnded, TrialEnded
from closedloop.artifacts.study import STAGES, START_DAY, StudyDocument, StudyPaths
from closedloop.service.panels import stages
from closedloop.service.panels.stages import StageCell, StagesPanel
from closedloop.service.stage_words import STAGE_WORDS
from closedloop.service.web.render import StudyName, render_fragment
from closedloop.study.ledger import Ledger, open_ledger
from closedloop.study.process.lock import study_lock, wait_lock
from closedloop.study.process.notes import Noting
from tests.unit.study.labs import lab
from tests.unit.study.sessions import N_PRESENTATIONS, PER_TRIAL, rows_of, schedule, session_id, write_journal


def drawn(paths: StudyPaths) -> str:
    return render_fragment(stages, stages.read(paths), StudyName("one"))


def done(ledger: Ledger, day: int, stage: str, seconds: float) -> None:
    ledger.begin(day, stage, "hash")
    ledger.finish(day, stage, "hash", seconds=seconds)


def cell(panel: StagesPanel, name: str) -> StageCell:
    assert panel.today is not None
    return next(one for one in panel.today.stages if one.name == name)


def test_a_new_study_has_done_nothing(tmp_path: Path) -> None:
    found = stages.read(lab(tmp_path / "study").paths)
    assert (found.state, found.days, found.today, found.n_days, found.damaged) == ("new", (), None, 2, ())
    assert "Nothing is done yet." in drawn(StudyPaths(tmp_path / "study"))


def test_a_finished_study_has_every_stage_but_the_last_queue(tmp_path: Path) -> None:
    one = lab(tmp_path / "study", days=2)
    one.run()
    found = stages.read(one.paths)
    assert found.state == "done"
    assert [day.day for day in found.days] == [START_DAY, 0, 1]
    assert [stage.name for stage in found.days[1].stages] == list(STAGES)
    assert [stage.name for stage in found.days[2].stages] == list(STAGES[:-1])
    assert all(day.is_done for day in found.days)
    assert [day.label for day in found.days] == ["start", "day 0", "day 1"]


def test_time_left_is_told_by_earlier_days_and_by_the_stages_own_pace(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study", days=4).paths
    with open_ledger(paths.ledger) as ledger:
        for day, seconds in ((0, 900.0), (1, 300.0), (2, 200.0)):
            for stage in STAGES:
                done(ledger, day, stage, seconds if stage == "synthesize" else 10.0)
        done(ledger, 3, "plan", 7.0)
        ledger.begin(3, "synthesize", "hash")
    paths.day(3).root.mkdir()
    clock = iter([1000.0, 1000.0, 1000.0, 1060.0])
    note = Noting(lambda _done, _total: None, paths, day=3, stage="synthesize", now=lambda: next(clock))
    note.begin_work()
    note(0, 100)
    note(25, 100)
    with study_lock(paths.root):
        found = stages.look(paths, now=lambda: 1060.0)
        later = stages.look(paths, now=lambda: 1060.0 + 3600)
    assert found.state == "running"
    assert cell(found, "plan") == StageCell("plan", "done", seconds=7.0)
    running = cell(found, "synthesize")
    assert (running.state, running.part) == ("running", 0.25)
    assert running.left_s == pytest.approx(180.0)  # a quarter took a minute
    assert cell(found, "schedule") == StageCell("schedule", "to come", left_s=10.0)
    refit = 10.0 * (4 / 2 + 4 / 3) / 2  # it fits all days so far: of four, by those of two and of three
    assert cell(found, "refit").left_s == pytest.approx(refit)
    assert found.today is not None
    assert found.today.left_s == pytest.approx(180.0 + 5 * 10.0 + refit, abs=0.1)
    assert cell(later, "synthesize").state == "stands still"


def test_nobody_knows_when_a_person_brings_files(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study", days=3, simulated=False).paths
    with open_ledger(paths.ledger) as ledger:
        for stage in STAGES:
            done(ledger, 0, stage, 10.0)
        done(ledger, 1, "plan", 10.0)
    found = stages.read(paths)
    assert cell(found, "present").left_s is None
    assert cell(found, "recording").left_s is None
    assert cell(found, "ingest").left_s == 10.0


def test_what_no_process_works_on_is_stopped(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study").paths
    with open_ledger(paths.ledger) as ledger:
        ledger.begin(0, "refit", "hash")
    found = stages.read(paths)
    assert (found.state, found.holder) == ("stopped", None)
    assert cell(found, "refit").state == "stopped"
    with study_lock(paths.root):
        found = stages.read(paths)
    assert (found.state, cell(found, "refit").state) == ("running", "running")
    assert found.holder is not None


@pytest.mark.parametrize(
    ("write", "state"),
    [
        (lambda ledger: ledger.wait(0, "recording", "hash", "Copy the recording."), "waiting"),
        (lambda ledger: ledger.fail(0, "recording", "hash", "Copy the recording."), "failed"),
    ],
)
def test_what_it_waits_for_or_why_it_failed_is_said(
    tmp_path: Path, write: Callable[[Ledger], None], state: str
) -> None:
    paths = lab(tmp_path / "study").paths
    with open_ledger(paths.ledger) as ledger:
        done(ledger, 0, "present", 1.0)
        write(ledger)
    found = stages.read(paths)
    assert found.state == state
    assert (cell(found, "recording").state, cell(found, "recording").said) == (state, "Copy the recording.")
    assert "Copy the recording." in drawn(paths)


def test_the_day_of_what_is_waited_for_is_said_once_and_its_command_is_code(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study").paths
    with open_ledger(paths.ledger) as ledger:
        ledger.wait(0, "present", "hash", "day 0: the session is ready. Present it with `rig present <folder>`.")
    (need,) = stages.read(paths).needs
    assert (need.place, need.said[:21]) == ("day 0 present", "the session is ready.")
    assert "<code>rig present &lt;folder&gt;</code>" in drawn(paths)


def test_a_session_under_way_is_said_with_how_far_it_is_and_asks_for_nothing(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study", simulated=False).paths
    schedule(paths, 0)
    with open_ledger(paths.ledger) as ledger:
        ledger.wait(0, "present", "hash", "day 0: the session is ready. Present it.")
    assert stages.read(paths).state == "waiting"
    rows = list(rows_of((session_id(0),)))
    begun = next(k for k, row in enumerate(rows) if isinstance(row, TrialEnded)) + 1
    write_journal(paths, 0, rows[:begun])
    found = stages.read(paths)
    (need,) = found.needs
    assert (found.state, cell(found, "present").state) == ("being shown", "being shown")
    assert cell(found, "present").part == pytest.approx(PER_TRIAL / N_PRESENTATIONS)
    assert (need.kind, need.place) == ("shown", "day 0 present")
    assert need.said.startswith(f"{PER_TRIAL} of {N_PRESENTATIONS} presentations are accepted. It is taken over once")
    assert "A session is being shown" in drawn(paths)
    stop = SessionEnded(outcome="stopped", n_remaining=N_PRESENTATIONS - PER_TRIAL, time_s=3.0)
    write_journal(paths, 0, [*rows[:begun], stop])
    found = stages.read(paths)
    (need,) = found.needs
    assert (found.state, need.kind) == ("waiting", "waiting")
    assert need.said.startswith(f"The rig stopped; {PER_TRIAL} of {N_PRESENTATIONS} presentations are accepted. Launch")
    write_journal(paths, 0, rows)
    (need,) = stages.read(paths).needs
    assert (need.kind, need.said) == ("waiting", "the session is ready. Present it.")  # complete: what the loop says


def test_each_stage_of_a_day_is_explained() -> None:
    assert tuple(STAGE_WORDS) == STAGES


def test_a_subject_that_looks_like_a_program_is_text(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study").paths
    name = "<script>document.title = 'mine'</script>"
    StudyDocument.read(paths.study).model_copy(update={"subject": name}).write(paths.study)
    text = drawn(paths)
    assert "<script" not in text
    assert "&lt;script&gt;document.title = &#39;mine&#39;&lt;/script&gt;" in text


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(),
    "loop": lambda path: (path.unlink(), path.symlink_to(path)),
    "list": lambda path: path.write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["study.json", "protocol.yaml", "ledger.sqlite", ".loop.lock"])
def test_what_cannot_be_read_is_said_and_the_rest_is_shown(tmp_path: Path, file: str, damage: str) -> None:
    paths = lab(tmp_path / "study").paths
    with study_lock(paths.root), open_ledger(paths.ledger) as ledger:
        done(ledger, 0, "plan", 5.0)
    whole = stages.read(paths)
    DAMAGES[damage](paths.root / file)
    found = stages.read(paths)
    assert drawn(paths)
    if (file, damage) in {("ledger.sqlite", "gone"), ("ledger.sqlite", "empty"), ("ledger.sqlite", "loop")}:
        assert found.days == ()  # as a study that has begun nothing: nothing is damaged by that
        return
    if file == ".loop.lock":
        assert asdict(found) | {"damaged": ()} == asdict(whole)
        return
    assert any(str(paths.root / file) in line for line in found.damaged)
    if file != "ledger.sqlite":
        assert found.days == whole.days or file == "protocol.yaml"
        assert cell(found, "plan").seconds == 5.0
    assert all(line.startswith(str(paths.root)) for line in found.damaged)


def test_a_folder_that_is_no_study_is_shown_as_that(tmp_path: Path) -> None:
    found = stages.read(StudyPaths(tmp_path / "nothing"))
    assert found.state == "unreadable"
    assert len(found.damaged) == 2
    assert drawn(StudyPaths(tmp_path / "nothing"))


def test_looking_writes_nothing(tmp_path: Path) -> None:
    one = lab(tmp_path / "study")
    one.run()
    before = {path: path.stat().st_mtime_ns for path in one.paths.root.rglob("*")}
    drawn(one.paths)
    assert {path: path.stat().st_mtime_ns for path in one.paths.root.rglob("*")} == before


def test_a_loop_that_waits_is_told_from_one_that_works(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study").paths
    with open_ledger(paths.ledger) as ledger:
        ledger.wait(0, "recording", "hash", "Copy the recording.")
    with wait_lock(paths.root):
        found = stages.read(paths)
        assert (found.state, found.holder) == ("waiting", None)
        assert found.waiter is not None
        assert "a loop waits for what comes" in drawn(paths)
    assert stages.read(paths).waiter is None
