"""Gaze samples beside the journal: every one that the machine consumed, whatever ends the rig."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.day.gaze.layout import HEADER_BYTES, RECORD, GazeHeader
from closedloop.artifacts.day.gaze.records import GazeRecords, read_gaze
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import TrialEnded
from closedloop.errors import SessionError, StorageError
from rig.apparatus import Launch
from rig.check import machine
from rig.check.inspection import Inspection
from rig.display.headless import HeadlessDisplay
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state, replay
from rig.operator.commands import Command, Commands, NoCommands
from rig.ports.clock import VirtualClock
from rig.ports.codes import FileCodes
from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import LoggedReward
from rig.session.folder import open_session
from rig.session.gaze_writer import GazeWriter
from rig.session.journal import JournalWriter
from rig.session.kept_gaze import open_gaze_writer
from rig.stop import StopRequest
from tests.unit.rig.conftest import BuildSession
from tests.unit.rig.test_full_disk import disk_of

OURS = GazeHeader(simulated=False, session_id="study-day-00")
SAMPLES = [(100.25, (0.5, -0.25)), (100.251, None), (100.252, (-8.0, 3.5))]


class PeriodicTracker:
    """A tracker of 250 Hz whose eye circles within the window, and blinks for 4 ms in every 40."""

    name = "tracker"

    def __init__(self) -> None:
        self.sent: list[GazeSample] = []
        self._next = 0

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing."""

    def samples(self, now_s: float) -> Sequence[GazeSample]:
        """Return all since the last call."""
        fresh = []
        while self._next * 0.004 <= now_s:
            time_s = self._next * 0.004
            point = None if self._next % 10 == 9 else GazePoint(float(np.cos(time_s)), float(np.sin(time_s)))
            fresh.append(GazeSample(time_s, point))
            self._next += 1
        self.sent += fresh
        return fresh

    def close(self) -> None:
        """Do nothing."""


def write(path: Path, *, launch: int = 0, samples: Sequence[tuple] = SAMPLES, ends: bool = True) -> None:
    with GazeWriter(path, OURS, launch=launch) as writer:
        for time_s, place in samples:
            writer.note(time_s, place)
        writer.sync()
        if ends:
            writer.end()


def triples(records: GazeRecords, launch: int = 0) -> list[tuple[float, tuple[float, float] | None]]:
    own = records.launches[launch]
    places = [None if np.isnan(x) else (float(x), float(y)) for x, y in zip(own.x_deg, own.y_deg, strict=True)]
    return list(zip(own.time_s.tolist(), places, strict=True))


def test_what_was_noted_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "gaze.bin")
    found = read_gaze(tmp_path / "gaze.bin")
    assert found.header == OURS
    assert triples(found) == SAMPLES
    assert found.launches[0].is_whole


def test_the_bytes_are_those_of_the_layout(tmp_path: Path) -> None:
    write(tmp_path / "gaze.bin", samples=SAMPLES[:1])
    content = (tmp_path / "gaze.bin").read_bytes()
    assert content[:2048].rstrip().startswith(b'{"format_version":1,"simulated":false,"kind":"gaze_samples"')
    begin, sample, end = (content[at : at + 16] for at in range(2048, len(content), 16))
    assert np.frombuffer(sample[:8], "<f8") == 100.25
    assert np.frombuffer(sample[8:], "<f4").tolist() == [0.5, -0.25]
    assert np.frombuffer(begin[8:], "<f4").tolist() == [0, 0]
    assert np.frombuffer(end[8:], "<f4").tolist() == [0, 1]
    assert np.isnan(np.frombuffer(begin[:8] + end[:8], "<f8")).all()


@pytest.mark.parametrize("place", [(1e7, 0.0), (0.0, float("inf")), (float("nan"), 0.0)])
def test_a_place_that_is_on_no_screen_is_kept_as_no_eye(tmp_path: Path, place: tuple[float, float]) -> None:
    write(tmp_path / "gaze.bin", samples=[(1.0, place), (2.0, (1.0, 1.0))])
    assert triples(read_gaze(tmp_path / "gaze.bin")) == [(1.0, None), (2.0, (1.0, 1.0))]


def test_without_a_sample_there_is_no_file(tmp_path: Path) -> None:
    write(tmp_path / "gaze.bin", samples=())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n_cut", range(1, 2 * RECORD.size + 1))
def test_a_torn_end_is_cut_by_the_reader_and_by_the_next_launch(tmp_path: Path, n_cut: int) -> None:
    path = tmp_path / "gaze.bin"
    write(path, ends=False)
    content = path.read_bytes()
    path.write_bytes(content[:-n_cut])
    n_left = len(SAMPLES) - -(-n_cut // RECORD.size)
    torn = read_gaze(path)
    assert (triples(torn), torn.n_torn_bytes) == (SAMPLES[:n_left], -n_cut % RECORD.size)
    assert not torn.launches[0].is_whole
    write(path, launch=1)
    mended = read_gaze(path)
    assert (triples(mended), triples(mended, 1), mended.n_torn_bytes) == (SAMPLES[:n_left], SAMPLES, 0)


@pytest.mark.parametrize("n_bytes", [0, 1, HEADER_BYTES - 1])
def test_a_torn_header_is_written_again(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "gaze.bin"
    path.write_bytes(OURS.to_header()[:n_bytes])
    write(path, launch=2)
    assert [launch.launch for launch in read_gaze(path).launches] == [2]


def test_a_launch_without_a_sample_ends_the_file_of_one_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    write(path, ends=False)
    write(path, launch=1, samples=())
    first, second = read_gaze(path).launches
    assert (first.is_whole, first.time_s.size) == (False, 3)
    assert (second.is_whole, second.launch, second.time_s.size) == (True, 1, 0)


@pytest.mark.parametrize(("launch", "header"), [(1, OURS.model_copy(update={"session_id": "another"})), (0, OURS)])
def test_gaze_that_is_not_this_sessions_is_refused_and_left_alone(
    tmp_path: Path, launch: int, header: GazeHeader
) -> None:
    path = tmp_path / "gaze.bin"
    write(path)
    before = path.read_bytes()
    with pytest.raises(SessionError, match="choose another --out"):
        GazeWriter(path, header, launch=launch)
    assert path.read_bytes() == before


def test_a_full_disk_is_the_journals_line_and_what_was_whole_stays(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    write(path, ends=False)
    n_bytes = path.stat().st_size
    with disk_of(n_bytes + 20), pytest.raises(StorageError, match=r"found the disk full.*same command with --resume"):
        write(path, launch=1)
    assert path.stat().st_size == n_bytes


def test_many_samples_are_written_before_the_next_trial_ends(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    with GazeWriter(path, OURS, launch=0) as writer:
        writer.note(1.0, None)
        writer.write_many()
        assert not path.exists()
        for number in range(5_000):
            writer.note(1.0 + number, (0.0, 0.0))
        writer.write_many()
        assert read_gaze(path).n_samples == 5_001


def present(
    folder: Path,
    out: Path,
    tracker: PeriodicTracker,
    *,
    stop_after: int | None = None,
    commands: Commands | None = None,
) -> None:
    """Present, or go on, with gaze kept as on a real clock."""
    session, stop = open_session(folder), StopRequest()
    rows = read_journal(out / "journal.jsonl").rows if (out / "journal.jsonl").exists() else ()
    screen = session.document.screen
    display = HeadlessDisplay(
        VirtualClock(screen.refresh_hz),
        refresh_hz=screen.refresh_hz,
        width_px=screen.width_px,
        height_px=screen.height_px,
    )
    apparatus = Apparatus(
        display=display,
        gaze=tracker,
        reward=LoggedReward(),
        codes=FileCodes(),
        recorder=NoRecorder(),
        commands=commands or NoCommands(),
    )
    n_launches = sum(row.event == "segment_opened" for row in rows)
    header = GazeHeader(simulated=True, session_id=session.document.session_id)
    with (
        JournalWriter(out / "journal.jsonl") as journal,
        GazeWriter(out / "gaze.bin", header, launch=n_launches) as gaze,
    ):
        journal.go_on(read_journal(out / "journal.jsonl"))

        def after_trial(state: object, _now_s: float) -> None:
            if stop_after is not None and state.next_trial >= stop_after:  # type: ignore[attr-defined]
                stop.ask()

        Presenter(
            session=session,
            apparatus=apparatus,
            journal=journal,
            state=replay(session, rows) if rows else fresh_state(session),
            n_launches=n_launches,
            stop=stop,
            after_trial=after_trial,
            gaze=gaze,
        ).run()


def sent(tracker: PeriodicTracker) -> list[tuple[float, tuple[float, float] | None]]:
    return [
        (
            one.time_s,
            None if one.point is None else (float(np.float32(one.point.x_deg)), float(np.float32(one.point.y_deg))),
        )
        for one in tracker.sent
    ]


def test_every_sample_that_the_machine_consumed_is_kept_over_two_launches(
    make_session: BuildSession, tmp_path: Path
) -> None:
    folder, out = make_session(n_presentations=12), tmp_path / "out"
    first, second = PeriodicTracker(), PeriodicTracker()
    present(folder, out, first, stop_after=2)
    present(folder, out, second)
    found = read_gaze(out / "gaze.bin")
    assert read_journal(out / "journal.jsonl").ended is not None
    assert [launch.launch for launch in found.launches] == [0, 1]
    assert triples(found) == sent(first)
    assert triples(found, 1) == sent(second)
    assert all(launch.is_whole for launch in found.launches)


@pytest.mark.parametrize("n_lacking", [8, 5_000])
def test_a_disk_without_room_for_gaze_ends_the_session_before_its_journal_says_so(
    make_session: BuildSession, tmp_path: Path, n_lacking: int
) -> None:
    folder, out = make_session(n_presentations=12), tmp_path / "out"
    present(folder, tmp_path / "undisturbed", PeriodicTracker())
    n_bytes = (tmp_path / "undisturbed" / "gaze.bin").stat().st_size
    assert n_bytes > (tmp_path / "undisturbed" / "journal.jsonl").stat().st_size
    first, second = PeriodicTracker(), PeriodicTracker()
    with disk_of(n_bytes - n_lacking), pytest.raises(StorageError, match=r"gaze.bin.*found the disk full"):
        present(folder, out, first)
    assert read_journal(out / "journal.jsonl").ended is None  # who brings what is there is told that it goes on
    kept = triples(read_gaze(out / "gaze.bin"))
    assert kept == sent(first)[: len(kept)]
    present(folder, out, second)
    assert read_journal(out / "journal.jsonl").ended is not None
    whole = read_gaze(out / "gaze.bin")
    assert (triples(whole), triples(whole, 1)) == (kept, sent(second))


class Resting:
    """An operator who pauses the session for 1,500 flips, and looks at the file when they are over."""

    def __init__(self, file: Path) -> None:
        self._file, self._n_polls = file, 0
        self.n_seen = 0

    def poll(self) -> Sequence[Command]:
        """Pause at the tenth flip, continue 1,500 later."""
        self._n_polls += 1
        if self._n_polls == 10:
            return (Command("pause", "key", lambda _words: None, lambda _words: None),)
        if self._n_polls == 1510:
            self.n_seen = read_gaze(self._file).n_samples
            return (Command("continue", "key", lambda _words: None, lambda _words: None),)
        return ()


def test_in_a_long_pause_samples_do_not_wait_in_memory(make_session: BuildSession, tmp_path: Path) -> None:
    operator, tracker = Resting(tmp_path / "out" / "gaze.bin"), PeriodicTracker()
    present(make_session(n_presentations=3), tmp_path / "out", tracker, commands=operator)
    assert operator.n_seen * RECORD.size > 1 << 16  # 25 s at 250 Hz are 100 kB
    assert triples(read_gaze(tmp_path / "out" / "gaze.bin")) == sent(tracker)


class Killing(PeriodicTracker):
    """A tracker whose rig is killed as it is asked for the sample of a number."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def samples(self, now_s: float) -> Sequence[GazeSample]:
        """Return all since the last call, or end the process as `kill -9` does."""
        if now_s >= 0.004 * self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().samples(now_s)


@pytest.mark.parametrize("at", [5, 300, 700, 1234])
def test_a_rig_that_is_killed_loses_the_samples_of_one_trial(
    make_session: BuildSession, tmp_path: Path, at: int
) -> None:
    folder, out = make_session(n_presentations=30), tmp_path / "out"
    child = os.fork()
    if not child:
        present(folder, out, Killing(at))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    whole = read_journal(out / "journal.jsonl")
    ended_s = [row.time_s for row in whole.rows if isinstance(row, TrialEnded)]
    n_kept = read_gaze(out / "gaze.bin").n_samples if (out / "gaze.bin").exists() else 0
    assert n_kept * 0.004 >= (ended_s[-1] if ended_s else 0.0) - 0.004
    again = PeriodicTracker()
    present(folder, out, again)
    *before, after = read_gaze(out / "gaze.bin").launches
    assert triples(read_gaze(out / "gaze.bin"), len(before)) == sent(again)
    assert [(one.is_whole, one.time_s.tolist()) for one in before] == (
        [(False, [0.004 * number for number in range(n_kept)])] if n_kept else []
    )
    assert after.is_whole
    assert read_journal(out / "journal.jsonl").ended is not None


def test_the_disk_has_to_have_room_for_gaze_where_somebody_looks(make_session: BuildSession, tmp_path: Path) -> None:
    folder = make_session(n_presentations=3)

    def disk(**options: object) -> str:
        launch = Launch(session=folder, out=tmp_path / "out", **options)  # type: ignore[arg-type]
        return str(machine.disk(Inspection(launch, session=open_session(folder))))

    assert "MB needed for the journal and gaze samples" in disk(display="psychopy", gaze="mouse")
    for options in ({"display": "psychopy"}, {"display": "headless", "gaze": "mouse"}):
        assert disk(**options).endswith("MB needed for the journal")
    rehearsed = disk(display="psychopy", gaze="mouse", is_rehearsal=True)
    assert rehearsed.endswith("MB needed for the journal")
    assert machine.gaze_bytes(hours=5.0) == 5 * 3600 * 2000 * 46


@pytest.mark.parametrize(
    ("eye", "is_real_time", "keeps"),
    [
        ("tracker", True, True),
        ("mouse", True, True),
        ("scripted", True, False),
        ("none", True, False),
        ("tracker", False, False),
    ],
)
def test_gaze_is_kept_in_real_time_of_an_eye_that_no_program_moves(
    make_session: BuildSession, tmp_path: Path, eye: str, is_real_time: bool, keeps: bool
) -> None:
    session = open_session(make_session(n_presentations=3))
    writer = open_gaze_writer(session, tmp_path, eye=eye, is_real_time=is_real_time, n_launches=0)
    assert (writer is not None) == keeps
