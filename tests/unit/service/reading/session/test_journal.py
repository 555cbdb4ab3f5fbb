"""A journal that grows, or comes from another computer, counts at every moment as a whole replay of the same bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import (
    Continued,
    JournalRow,
    LaunchOpened,
    Paused,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    RewardNoted,
    SessionEnded,
    TimeOut,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import DocumentError
from closedloop.service.reading.session.journal import JournalLook, JournalReader
from tests.unit.rig.conftest import build_session
from tests.unit.service.reading.session.journals import counted_by_replay, counted_live, killed_and_resumed, replay

TRIAL = {"presentations_per_trial": 3, "misses_before_time_out": 2, "hold_ms": 50.0}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Journals of the real rig on a virtual clock: undisturbed, and killed again and again at other moments."""
    folder = tmp_path_factory.mktemp("shown")
    session = build_session(folder / "schedule", n_presentations=24, trial=TRIAL, ignore=0.3, leave=0.5)
    return {
        "undisturbed": killed_and_resumed(session, folder / "whole", parts=()),
        "killed": killed_and_resumed(session, folder / "killed", parts=(0.31, 0.5, 0.62, 0.97)),
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def assert_as_replayed(look: JournalLook, content: bytes, folder: Path) -> None:
    journal = replay(content, folder)
    assert look.fault == ""
    assert counted_live(look) == counted_by_replay(journal)
    assert look.n_lines == content.count(b"\n")
    assert bool(look.n_torn_bytes) == bool(journal.n_torn)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["undisturbed", "killed"])
def test_at_every_line_and_within_it_the_counts_are_those_of_a_whole_replay(
    shown: dict[str, bytes], name: str, tmp_path: Path
) -> None:
    path, content = tmp_path / "journal.jsonl", shown[name]
    reader, at = JournalReader(path), 0
    for line in content.splitlines(keepends=True):
        for end in (at + len(line) // 2, at + len(line)):
            path.write_bytes(content[:end])
            assert_as_replayed(reader.look(), content[:end], tmp_path)
        at += len(line)
    assert reader.look().counts.doing == "complete"


def test_killed_sessions_have_rows_that_a_later_launch_voids(shown: dict[str, bytes], tmp_path: Path) -> None:
    assert replay(shown["killed"], tmp_path).n_void > 5


def test_an_ended_session_counts_as_its_summary(shown: dict[str, bytes], tmp_path: Path) -> None:
    session = build_session(tmp_path / "schedule", n_presentations=24, trial=TRIAL, ignore=0.3, leave=0.5)
    summary = summarize(SessionDocument.read(session / "session.json"), replay(shown["killed"], tmp_path))
    (tmp_path / "journal.jsonl").write_bytes(shown["killed"])
    counts = JournalReader(tmp_path / "journal.jsonl").look().counts
    assert counts.n_accepted == summary.n_accepted == 24
    assert counts.rejected == summary.n_rejected
    assert (counts.n_completed, counts.n_broken) == (summary.n_trials_completed, summary.n_trials_broken)
    assert (counts.working_s, counts.reward_ms) == (summary.duration_s, summary.reward_ms)


def append(path: Path, content: bytes) -> None:
    """Grow in place, or become shorter in place."""
    with path.open("rb+" if path.exists() else "wb") as file:
        file.truncate(len(content))
        file.write(content)


def replace(path: Path, content: bytes) -> None:
    """Replace the whole file by a new one, as rsync does."""
    other = path.with_name(f".{path.name}.Ab12Cd")
    other.write_bytes(content)
    other.replace(path)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_however_it_comes_it_counts_as_its_bytes(shown: dict[str, bytes], bench: Path, data: st.DataObject) -> None:
    """Pieces of any length, whole new files, an older or another journal in the place of a newer one."""
    path = bench / "journal.jsonl"
    path.unlink(missing_ok=True)
    reader = JournalReader(path)
    put = st.sampled_from([append, replace])
    for _ in range(data.draw(st.integers(1, 6))):
        content = shown[data.draw(st.sampled_from(sorted(shown)))]
        part = content[: data.draw(st.integers(0, len(content)))]
        write: Callable[[Path, bytes], None] = data.draw(put)
        write(path, part)
        assert_as_replayed(reader.look(), part, bench)


def rows(draw: st.DrawFn) -> list[JournalRow]:
    """Draw launches on either clock, trials, images, rewards and pauses, in an order that a rig could write."""
    found: list[JournalRow] = []
    ordinal = trial = 0
    time_s = 0.0
    for number in range(draw(st.integers(1, 4))):
        clock = draw(st.sampled_from(["virtual", "real"]))
        if number and clock == "virtual":
            ordinal, trial = draw(st.integers(0, ordinal)), draw(st.integers(0, trial))
            time_s = draw(st.floats(0, time_s))
        found.append(launch(number, clock=clock, ordinal=ordinal, trial=trial, time_s=time_s))
        for _ in range(draw(st.integers(0, 4))):
            time_s += draw(st.sampled_from([0.25, 1.0, 90.0]))
            found.append(TrialBegun(trial=trial, code=200, time_s=time_s))
            if draw(st.booleans()):
                found.append(TrialStarted(trial=trial, code=200, time_s=time_s + 0.01))
            for position in range(draw(st.integers(0, 3))):
                time_s += 0.2
                found.append(begun(ordinal, trial, position, time_s))
                if draw(st.integers(0, 4)):
                    reason = draw(st.sampled_from([None, "fixation_broken", "frames_dropped", "grey_frames_wrong"]))
                    found.append(image(ordinal, trial, position, time_s, reason))
                ordinal += 1
            found += draw(st.lists(st.sampled_from(asides(trial, time_s)), max_size=3))
            if draw(st.booleans()):
                outcome = draw(st.sampled_from(["completed", "broken", "ignored", "stopped"]))
                found.append(TrialEnded(trial=trial, outcome=outcome, reward_ms=80.0, time_s=time_s))
            trial += 1
    if draw(st.booleans()):
        found.append(SessionEnded(outcome="stopped", n_remaining=3, time_s=time_s))
    return found


def launch(number: int, *, clock: str, ordinal: int, trial: int, time_s: float) -> LaunchOpened:
    return LaunchOpened.model_validate(
        {
            **{"segment": number, "session_id": "s", "simulated": True, "display": "headless", "clock": clock},
            **{"refresh_hz": 60.0, "first_ordinal": ordinal, "first_trial": trial, "time_s": time_s, "utc": None},
        }
    )


def begun(ordinal: int, trial: int, position: int, time_s: float) -> PresentationBegun:
    return PresentationBegun(
        ordinal=ordinal, trial=trial, position=position, presentation_index=ordinal, code=1, time_s=time_s
    )


def image(ordinal: int, trial: int, position: int, time_s: float, reason: str | None) -> Presentation:
    return Presentation.model_validate(
        {
            **{"ordinal": ordinal, "trial": trial, "position": position, "presentation_index": ordinal},
            **{"image_index": ordinal % 7, "stimulus_id": "x", "repetition": 0, "code": 1, "onset_s": time_s},
            **{"offset_s": time_s + 0.1, "planned_on_frames": 6, "on_frames": 6, "planned_off_frames": 6},
            **{"grey_frames": 6, "outcome": "rejected" if reason else "accepted", "reason": reason},
        }
    )


def asides(trial: int, time_s: float) -> list[JournalRow]:
    return [
        RewardNoted(state="intended", trial=trial, duration_ms=80.0, time_s=time_s),
        RewardNoted(state="given", trial=trial, duration_ms=80.0, time_s=time_s),
        RewardNoted(state="acknowledged", trial=trial, duration_ms=80.5, time_s=time_s),
        RewardNoted(state="acknowledged", trial=None, duration_ms=33.3, time_s=time_s),
        RewardNoted(state="failed", trial=trial, duration_ms=80.0, time_s=time_s),
        Paused(by="gaze", why="no eye", time_s=time_s),
        Continued(time_s=time_s),
        TimeOut(misses=3, duration_s=2.0, time_s=time_s),
        RecordingNoted(state="started", file="d", launch=0, part=1, seen_by="file", time_s=time_s),
    ]


@pytest.mark.slow
@settings(max_examples=80)
@given(content=st.composite(rows)().map(journal_bytes), data=st.data())
def test_whatever_a_rig_could_write_counts_as_its_replay(content: bytes, bench: Path, data: st.DataObject) -> None:
    path = bench / "drawn.jsonl"
    path.unlink(missing_ok=True)
    reader = JournalReader(path)
    for end in (*sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4))), len(content)):
        append(path, content[:end])
        assert_as_replayed(reader.look(), content[:end], bench)


def test_what_was_rejected_without_a_reason_is_rejected(tmp_path: Path) -> None:
    rejected = image(0, 0, 0, 1.0, "paused").model_copy(update={"reason": None})
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal_bytes([launch(0, clock="real", ordinal=0, trial=0, time_s=0.0), rejected]))
    counts = JournalReader(path).look().counts
    assert (counts.n_accepted, counts.rejected) == (0, {"no reason given": 1})


def test_what_was_read_is_not_read_again(shown: dict[str, bytes], tmp_path: Path) -> None:
    """A file that is replaced by a longer one fifty times costs its length, and a line each time to know it again."""
    path, content = tmp_path / "journal.jsonl", shown["undisturbed"]
    reader = JournalReader(path)
    longest = max(len(line) for line in content.splitlines(keepends=True))
    for step in range(1, 51):
        replace(path, content[: len(content) * step // 50])
        reader.look()
        reader.look()
    assert len(content) <= reader.n_bytes_read <= len(content) + 50 * 2 * longest


def test_an_edited_line_is_said_by_its_number_and_what_came_before_it_stands(
    shown: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    lines = shown["undisturbed"].splitlines(keepends=True)
    lines[20] = lines[20].replace(b'"trial":', b'"trial" :')
    path.write_bytes(b"".join(lines))
    with pytest.raises(DocumentError) as refused:
        read_journal(path)
    reader = JournalReader(path)
    look = reader.look()
    assert look.fault == str(refused.value)
    assert "line 21" in look.fault
    assert look.n_lines == 20
    replace(path, shown["undisturbed"])
    assert_as_replayed(reader.look(), shown["undisturbed"], tmp_path)


def test_another_rigs_journal_without_checks_counts_as_well(shown: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    plain = b"".join(line.partition(b',"line":')[0] + b"}\n" for line in shown["killed"].splitlines())
    reader = JournalReader(path)
    for end in (0, 500, 4000, len(plain)):
        append(path, plain[:end])
        assert_as_replayed(reader.look(), plain[:end], tmp_path)
    append(path, plain + shown["undisturbed"].splitlines(keepends=True)[9])
    assert "expected" in reader.look().fault


def test_a_journal_that_goes_and_comes_again_is_read_anew(shown: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    reader = JournalReader(path)
    assert reader.look() == JournalLook()
    append(path, shown["killed"])
    assert_as_replayed(reader.look(), shown["killed"], tmp_path)
    path.unlink()
    assert reader.look() == JournalLook()
    append(path, shown["undisturbed"])
    assert_as_replayed(reader.look(), shown["undisturbed"], tmp_path)


@pytest.mark.parametrize("content", [b"\n", b"{}\n", b"\xff\xfe\n", b"null\n", b"[" * 5000 + b"\n", b'{"event":"x"}\n'])
def test_what_is_no_journal_is_said_in_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    look = JournalReader(path).look()
    assert look.fault.startswith(f"{path}, line 1")
    assert "\n" not in look.fault
    assert look.counts.n_rows == 0


def test_a_pipe_and_a_folder_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ""):
        assert "expected the rig's journal" in JournalReader(tmp_path / name).look().fault
