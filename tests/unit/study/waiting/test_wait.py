"""Somebody waits on a study: what wakes them, what they say, what they leave alone."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.gates.held import Held
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.accept_session import accept_session
from closedloop.commands.brought import accept_recording, replace_recording
from closedloop.commands.gates import approve_gate, hold_study
from closedloop.errors import ManifestError, SessionError, StudyError
from closedloop.study.completeness.looks import Patience
from closedloop.study.loop import Outcome
from closedloop.study.process.lock import WAIT_LOCK, study_lock, wait_lock, waiter_of
from closedloop.study.waiting import wait
from closedloop.study.waiting.alarms import ByLooking
from closedloop.study.waiting.wait import Waiter
from tests.unit.messages import refused
from tests.unit.study.completeness.brought import START_S, HandClock
from tests.unit.study.completeness.test_watch import end_apart
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring, launch, rows_of, session_id, write_journal
from tests.unit.study.waiting.rests import Rest, files_of, waiting_bench

AN_HOUR_S = 3_600.0


class EnoughError(Exception):
    """What ends a wait that would go on for ever."""


def enough() -> None:
    raise EnoughError


@dataclass
class Days:
    """A study of an animal with small stages, a clock by hand, and who waits."""

    made: Lab
    clock: HandClock = field(default_factory=HandClock)
    told: list[tuple[float, str]] = field(default_factory=list)
    ran_at: list[float] = field(default_factory=list)

    def at(self, seconds: float, happens: Callable[[], object]) -> None:
        self.clock.due.append((START_S + seconds, lambda: (happens(), None)[1]))

    def wait(self) -> Outcome:
        self.made.patience = Patience(
            60, trusted_s=float("inf"), now=self.clock.now, sleep=self.clock.sleep, stays=False
        )
        return Waiter(
            self.made.paths,
            self._run,
            lambda _folders: ByLooking(pause=self.clock.sleep),
            lambda text: self.told.append((self.clock.now() - START_S, text)),
            self.made.patience,
        ).until_done()

    def wait_until_enough(self) -> None:
        with pytest.raises(EnoughError):
            self.wait()

    def _run(self) -> Outcome:
        self.ran_at.append(self.clock.now() - START_S)
        return self.made.run()

    @property
    def said(self) -> list[str]:
        return [text for _, text in self.told]


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(lab(tmp_path / "study", simulated=False))


def test_a_study_goes_on_from_day_to_day_and_the_wait_ends_with_the_last(days: Days) -> None:
    paths = days.made.paths
    for day in (0, 1):
        days.at(1_000 * day + 100, lambda day=day: bring(paths, day))
        days.at(1_000 * day + 400, lambda day=day: bring_recording(paths, day))
    assert days.wait() == Outcome(None, 1)
    for brought_at in (100, 400, 1_100, 1_400):  # a minute unchanged, and at most ten seconds
        assert [ran for ran in days.ran_at if brought_at + 60 <= ran <= brought_at + 70]
    assert days.clock.now() - START_S < 1_470


def test_what_is_brought_together_is_taken_over_together(days: Days) -> None:
    """The recording has lain unchanged for as long as the session has: it is not waited for a minute more."""
    paths = days.made.paths
    for day in (0, 1):
        days.at(1_000 * day + 100, lambda day=day: (bring(paths, day), bring_recording(paths, day)))
    assert days.wait() == Outcome(None, 1)
    assert days.clock.now() - START_S <= 1_100 + 60 + 10


def test_an_hour_in_which_nothing_happens_runs_nothing_writes_nothing_and_says_nothing(days: Days) -> None:
    paths = days.made.paths
    days.at(10, lambda: bring(paths, 0))
    days.at(200, lambda: (bring_recording(paths, 0), cut(paths.folder("recording", 0) / "array1.ns6")))
    seen = []
    for seconds in (400, 400 + AN_HOUR_S):
        days.at(seconds, lambda: seen.append((files_of(paths), len(days.ran_at), len(days.told))))
    days.at(400 + AN_HOUR_S, enough)
    days.wait_until_enough()
    assert seen[0] == seen[1]
    assert "array1.ns6 is not whole" in days.said[-1]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def test_a_copy_that_grows_is_said_once_and_adds_one_event_to_the_ledger(days: Days) -> None:
    paths = days.made.paths
    days.at(10, lambda: bring(paths, 0))
    days.at(200, lambda: bring_recording(paths, 0))
    days.at(200, lambda: whole.append((paths.folder("recording", 0) / "array1.ns6").read_bytes()))
    whole: list[bytes] = []
    events = []
    for part in range(1, 40):
        days.at(200 + 20 * part, lambda part=part: grow(paths.folder("recording", 0), whole[0], part / 40))
        days.at(200 + 20 * part, lambda: events.append(n_events(paths)))
    days.at(1_000, enough)
    days.wait_until_enough()
    assert len([text for text in days.said if "array1.ns6" in text]) == 1
    assert len(set(events)) == 1


def grow(folder: Path, whole: bytes, share: float) -> None:
    (folder / "array1.ns6").write_bytes(whole[: int(len(whole) * share)])


def n_events(paths: StudyPaths) -> int:
    with closing(sqlite3.connect(paths.ledger)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM events").fetchone()[0])


def test_what_is_refused_is_waited_out_and_goes_on_when_somebody_accepts_it(days: Days) -> None:
    root, paths = days.made.paths.root, days.made.paths
    mouse = [launch(0, session_id(0), gaze="mouse"), *list(rows_of((session_id(0),)))[1:]]
    days.at(100, lambda: (bring(paths, 0), write_journal(paths, 0, mouse)))
    days.at(5_000, lambda: ran.append(len(days.ran_at)))
    days.at(9_000, lambda: ran.append(len(days.ran_at)))
    days.at(9_000, lambda: accept_session(root, day=0, despite=["mouse-gaze"], why="a pilot", who=None))
    days.at(9_200, enough)
    ran: list[int] = []
    days.wait_until_enough()
    assert ran[0] == ran[1]  # it was not tried again and again
    (refusal,) = [text for text in days.said if "mouse-gaze" in text]
    assert refusal.startswith(str(JOURNAL.published(paths, 0)))
    assert days.told[-1][1].startswith("day 0: copy the session's .nev")
    assert days.told[-1][0] <= 9_000 + 60 + 10


def test_others_can_replace_and_accept_what_is_waited_for(days: Days, tmp_path: Path) -> None:
    """They hold the study for a moment: nobody who rests does."""
    root, paths = days.made.paths.root, days.made.paths
    good = tmp_path / "good"
    days.at(100, lambda: bring(paths, 0))
    days.at(300, lambda: bring_recording(paths, 0))
    days.at(301, lambda: shutil.copytree(paths.folder("recording", 0), good))
    days.at(302, lambda: cut(paths.folder("recording", 0) / "array1.ns6"))
    days.at(500, lambda: replace_recording(root, day=0, source=good, why="x", who=None, as_it_is=False, settle_s=0))
    days.at(800, lambda: bring(paths, 1))
    days.at(1_000, lambda: bring_recording(paths, 1))
    days.at(1_001, lambda: cut(paths.folder("recording", 1) / "array1.ns6"))
    days.at(1_300, lambda: accept_recording(root, day=1, why="the disk was full", who=None))
    assert days.wait() == Outcome(None, 1)
    assert [ran for ran in days.ran_at if 500 <= ran <= 510]
    assert [ran for ran in days.ran_at if 1_300 <= ran <= 1_310]


def test_who_works_on_the_study_is_waited_for(days: Days) -> None:
    paths, other = days.made.paths, ExitStack()
    days.at(100, lambda: (bring(paths, 0), other.enter_context(study_lock(paths.root))))
    days.at(700, other.close)
    days.at(800, enough)
    days.wait_until_enough()
    assert len([text for text in days.said if "works on the study" in text]) == 1
    assert days.told[-1][1].startswith("day 0: copy the session's .nev")
    assert 700 <= days.told[-1][0] <= 710


def test_one_process_waits_on_a_study_and_is_named_to_the_next(days: Days) -> None:
    root = days.made.paths.root
    assert waiter_of(root) is None
    with wait_lock(root):
        holder = waiter_of(root)
        assert holder is not None
        with refused(StudyError, root, "no other process that waits on this study", holder):
            days.wait()
    assert waiter_of(root) is None
    assert days.ran_at == []


def test_a_study_that_is_moved_ends_the_wait_with_its_new_place(days: Days, tmp_path: Path) -> None:
    root = days.made.paths.root
    days.at(100, lambda: root.rename(tmp_path / "elsewhere"))
    with refused(StudyError, root, f"found it moved to {tmp_path / 'elsewhere'}", "--wait"):
        days.wait()
    assert not root.exists()


def test_a_study_that_is_removed_ends_the_wait(days: Days) -> None:
    root = days.made.paths.root
    days.at(100, lambda: shutil.rmtree(root))
    with refused(StudyError, root, "found it removed. Restore it."):
        days.wait()
    assert not root.exists()


def test_another_study_that_is_put_in_its_place_is_not_gone_on_with(days: Days, tmp_path: Path) -> None:
    root, other = days.made.paths.root, lab(tmp_path / "other", simulated=False).paths
    document = StudyDocument.read(other.study)
    document.model_copy(update={"study_id": "another", "subject": "another animal"}).write(other.study)

    def put() -> None:
        shutil.rmtree(root)
        other.root.rename(root)

    days.at(100, put)
    with refused(StudyError, root, "expected the study that this process began with", "found another one", "another"):
        days.wait()
    assert not list(root.glob("day-*"))  # nothing was begun in it
    assert not any(days.ran_at)


def test_a_study_that_is_restored_in_its_place_is_gone_on_with(days: Days, tmp_path: Path) -> None:
    root, copy = days.made.paths.root, tmp_path / "copy"
    days.at(100, lambda: shutil.copytree(root, copy))
    days.at(200, lambda: shutil.rmtree(root))
    days.at(200, lambda: copy.rename(root))
    days.at(300, lambda: bring(days.made.paths, 0))
    days.at(600, enough)
    days.wait_until_enough()
    assert days.said[-1].startswith("day 0: copy the session's .nev")


def test_a_disk_on_which_somebody_makes_room_is_looked_at_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    full = GateFinding(gate="disk", level="HOLD", expected="room", found="too little", remedy="Make room.")
    asked: list[float] = []

    def is_changed(paths: StudyPaths, held: Sequence[Held]) -> bool:
        assert [one.gate for one in held] == ["disk"]
        asked.append(days.clock.now() - START_S)
        if asked[-1] < 600:
            return False
        days.made.finds[0, "preflight"] = ()
        return True

    monkeypatch.setattr(wait, "is_changed_by_machine", is_changed)
    days.made.finds[0, "preflight"] = (full,)
    days.at(1_000, enough)
    days.wait_until_enough()
    assert asked[0] == pytest.approx(60, abs=3)
    assert len(asked) == pytest.approx(10, abs=1)
    assert [at for at in days.ran_at if at] == [asked[-1]]  # nothing runs before there is room again
    assert days.said[-1].startswith("day 0: the session is ready")


def test_a_disk_that_is_away_for_a_while_is_waited_for(days: Days, tmp_path: Path) -> None:
    """The folder in which the study is mounted, as it were, is empty for ten minutes."""
    paths = days.made.paths
    days.at(100, lambda: paths.study.rename(tmp_path / "away"))
    days.at(700, lambda: (tmp_path / "away").rename(paths.study))
    days.at(800, lambda: bring(paths, 0))
    days.at(1_000, enough)
    days.wait_until_enough()
    assert len([text for text in days.said if "does not answer" in text]) == 1
    assert days.said[-1].startswith("day 0: copy the session's .nev")


def test_a_lock_that_somebody_removes_ends_nothing(days: Days) -> None:
    paths = days.made.paths
    days.at(100, (paths.root / WAIT_LOCK).unlink)
    days.at(200, lambda: bring(paths, 0))
    days.at(400, enough)
    days.wait_until_enough()
    assert days.said[-1].startswith("day 0: copy the session's .nev")


def test_what_is_refused_while_it_still_comes_is_looked_at_again(days: Days) -> None:
    """A run by chance in the middle of a copy: half of a thing is refused, and is another by then."""
    paths = days.made.paths
    run = days._run

    def in_the_middle() -> Outcome:
        if len(days.ran_at) == 1:
            bring(paths, 0)
            days.ran_at.append(0.0)
            raise SessionError("journal.jsonl: expected another, found half of it. Bring it again.")
        return run()

    days._run = in_the_middle  # type: ignore[method-assign]
    days.at(400, enough)
    days.wait_until_enough()
    assert "journal.jsonl: expected another, found half of it. Bring it again." in days.said
    assert days.said[-1].startswith("day 0: copy the session's .nev")


def test_a_copy_of_the_study_is_no_matter_of_the_one_that_waits(days: Days, tmp_path: Path) -> None:
    paths, copy = days.made.paths, tmp_path / "copy"
    days.at(100, lambda: shutil.copytree(paths.root, copy))
    days.at(110, lambda: bring(paths, 0))
    days.at(300, enough)
    days.wait_until_enough()
    assert days.said[-1].startswith("day 0: copy the session's .nev")
    assert waiter_of(copy) is None


def test_a_file_that_no_longer_matches_ends_the_wait(days: Days) -> None:
    paths = days.made.paths
    plan = paths.folder("plan", 0) / "plan.txt"
    days.at(100, lambda: plan.write_text("other"))
    days.at(200, lambda: bring(paths, 0))
    with refused(ManifestError, plan):
        days.wait()


def test_files_that_do_not_end_together_are_taken_over_when_half_an_hour_has_passed(tmp_path: Path) -> None:
    made = waiting_bench(tmp_path)
    rest = Rest(made)
    made.clock.due.append((START_S + 100, lambda: (made.copy(), end_apart(made), None)[-1]))
    rest.until_done()
    assert START_S + 1_900 <= rest.sealed_at <= START_S + 1_910
    assert len(rest.ran_at) == 3  # at first, after a minute, after half an hour: a recording is long to read
    assert len([text for _, text in rest.told if "array1.nev ends" in text]) == 1


def test_done_ends_the_wait_at_once(tmp_path: Path) -> None:
    made = waiting_bench(tmp_path)
    rest = Rest(made)
    made.clock.due.append((START_S + 100, made.copy))
    made.clock.due.append((START_S + 120, (made.folder / "DONE").touch))
    rest.until_done()
    assert START_S + 120 <= rest.sealed_at <= START_S + 130


def test_a_clock_that_is_set_back_does_not_lengthen_the_wait(tmp_path: Path) -> None:
    made = waiting_bench(tmp_path)
    rest = Rest(made)
    made.clock.due.append((START_S + 100, made.copy))
    made.clock.due.append((START_S + 130, lambda: setattr(rest, "back_s", AN_HOUR_S)))
    rest.until_done()
    assert START_S + 130 + 60 <= rest.sealed_at <= START_S + 130 + 60 + 10


def test_a_hold_is_waited_out_and_files_that_come_meanwhile_are_not_asked_for(days: Days) -> None:
    root, paths = days.made.paths.root, days.made.paths
    days.at(100, lambda: hold_study(root, by="Ada", reason="the implant is looked at"))
    days.at(300, lambda: write_note(paths))
    days.at(2_000, lambda: approve_gate(root, gate="hold", day=None, by="Ada", reason="it is well"))
    days.at(2_100, lambda: bring(paths, 0))
    days.at(2_300, enough)
    days.wait_until_enough()
    held = [text for at, text in days.told if 100 <= at < 2_000]
    assert len(held) == 2
    assert held[0].startswith("Held: day 0: held by Ada since ")
    assert "`closedloop release " in held[1]
    assert days.said[-1].startswith("day 0: copy the session's .nev")


def write_note(paths: StudyPaths) -> None:
    folder = paths.folder("recording", 0)
    folder.mkdir()
    (folder / "notes.txt").write_text("electrodes 3 and 4 are noisy")
