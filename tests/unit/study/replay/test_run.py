"""Replaying a study whose stages write a line of what they read: what follows from what, and what is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.replay import Replay
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.replay.command import replay_lines
from closedloop.errors import AlignmentError, ManifestError, StorageError, StudyError
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from closedloop.study.replay.run import AFTER, BEFORE, REPLAY_PAGE, ReplayRequest, replay_days
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, Listener, half_done, lab

N_DAYS = 3
ALL = {(day, stage) for day in range(N_DAYS) for stage in AFTER if (day, stage) != (N_DAYS - 1, "queue")}


def fail_with(error: Exception) -> Callable[[StageContext], None]:
    def fail(_context: StageContext) -> None:
        raise error

    return fail


def write_more(context: StageContext) -> None:
    (context.working / "more.txt").write_text("new")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, to be copied."""
    made = lab(tmp_path_factory.mktemp("template") / "study", days=N_DAYS)
    made.run()
    return made.paths.root


@pytest.fixture
def finished(template: Path, tmp_path: Path) -> Lab:
    return Lab(StudyPaths(Path(shutil.copytree(template, tmp_path / "study"))))


def replay(of: Lab, out: Path, *days: int, stages: tuple[str, ...] = AFTER) -> Replay:
    of.ran, of.listener = [], Listener()
    request = ReplayRequest(study=of.paths, out=out, days=days, stages=stages)
    return replay_days(request, of.listener, table=of.small_table)


def differing(found: Replay) -> set[tuple[int, str]]:
    return {(stage.day, stage.stage) for stage in found.replayed if not stage.is_same}


def follows_from(found: Replay, day: int, stage: str) -> tuple[str, ...]:
    (own,) = (one for one in found.replayed if (one.day, one.stage) == (day, stage))
    return own.follows_from


def fingerprint(root: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(root).as_posix(): (sha256_file(path), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_same_program_makes_the_same_and_leaves_the_study_alone(finished: Lab, tmp_path: Path) -> None:
    before = fingerprint(finished.paths.root)
    found = replay(finished, tmp_path / "out")
    assert {(stage.day, stage.stage) for stage in found.replayed} == ALL
    assert found.is_same
    assert found.finished
    assert fingerprint(finished.paths.root) == before
    gates = "Gates are not asked again: what they found stands in the study"
    assert gates in (tmp_path / "out" / REPLAY_PAGE).read_text()
    assert any(line.startswith(gates) for line in replay_lines(found, tmp_path / "out"))
    assert Replay.read(tmp_path / "out" / "replay.json") == found
    assert "day 2 evaluate" in (tmp_path / "out" / "replay.html").read_text()


def test_a_single_day_is_made_from_the_published_days_before(finished: Lab, tmp_path: Path) -> None:
    found = replay(finished, tmp_path / "out", 1)
    assert finished.ran == [f"1 {stage}" for stage in AFTER]
    assert found.is_same


@pytest.mark.parametrize("manifest", ["as it was", "changed too"])
def test_what_follows_from_another_recording_differs_and_nothing_else(
    finished: Lab, tmp_path: Path, manifest: str
) -> None:
    path = finished.paths.folder("recording", 1) / "recording.txt"
    if manifest == "changed too":
        finished.tamper("recording", 1)
    else:
        path.write_text("other")
    found = replay(finished, tmp_path / "out")
    # ingest and evaluation of the day, every refit since (on all days), and the queue, of what evaluate wrote
    assert differing(found) == {(1, "ingest"), (1, "refit"), (1, "evaluate"), (1, "queue"), (2, "refit")}
    assert follows_from(found, 1, "ingest") == ("day-01/recording/recording.txt",)
    assert follows_from(found, 1, "evaluate") == ("day-01/ingest/ingest.txt",)
    assert follows_from(found, 2, "refit") == ("day-01/ingest/ingest.txt", "day-01/refit/refit.txt")
    assert [one.path for one in found.changed] == (
        [] if manifest == "changed too" else ["day-01/recording/recording.txt"]
    )
    assert not found.is_same


def test_what_the_program_makes_otherwise_follows_from_nothing(finished: Lab, tmp_path: Path) -> None:
    finished.at["0 evaluate"] = write_more
    found = replay(finished, tmp_path / "out", 0)
    assert differing(found) == {(0, "evaluate"), (0, "queue")}
    assert follows_from(found, 0, "evaluate") == ()
    assert follows_from(found, 0, "queue") == ("day-00/evaluate/more.txt",)
    (one,) = next(stage for stage in found.replayed if stage.stage == "evaluate").differences
    assert (one.file, one.example) == ("more.txt", "made only")


def test_stages_before_a_session_are_made_apart_from_those_after_it(finished: Lab, tmp_path: Path) -> None:
    finished.at["1 plan"] = write_more
    found = replay(finished, tmp_path / "out", 1, stages=(*BEFORE, *AFTER))
    # schedule reads what synthesize wrote, which read another plan; what was shown is what was sealed
    assert differing(found) == {(1, stage) for stage in BEFORE}
    assert len(found.replayed) == len(BEFORE) + len(AFTER)


def test_a_published_file_that_was_changed_since_is_told(finished: Lab, tmp_path: Path) -> None:
    (finished.paths.folder("evaluate", 2) / "evaluate.txt").write_text("a better number")
    found = replay(finished, tmp_path / "out")
    assert differing(found) == {(2, "evaluate")}
    (stage,) = (one for one in found.replayed if not one.is_same)
    assert stage.edited == ("evaluate.txt",)


def test_a_sealed_input_that_was_changed_is_refused(finished: Lab, tmp_path: Path) -> None:
    path = finished.paths.folder("synthesize", 1) / "synthesize.txt"
    path.write_text("other signs")
    with refused(ManifestError, path, "Restore it from a copy"):
        replay(finished, tmp_path / "out")


def test_what_todays_program_refuses_is_told_and_so_is_what_lacks_it(finished: Lab, tmp_path: Path) -> None:
    finished.at["1 ingest"] = fail_with(AlignmentError("x: expected y, found z. Do w."))
    found = replay(finished, tmp_path / "out")
    refusals = {(one.day, one.stage): one.refused for one in found.replayed if one.refused}
    assert refusals == {
        (1, "ingest"): "x: expected y, found z. Do w.",
        (1, "refit"): "day-01/ingest was not made",
        (1, "evaluate"): "day-01/ingest was not made",
        (1, "queue"): "day-01/evaluate was not made",
        (2, "refit"): "day-01/refit was not made",
    }
    assert not found.is_same


def test_a_full_disk_ends_it(finished: Lab, tmp_path: Path) -> None:
    finished.at["1 ingest"] = fail_with(StorageError("full"))
    with pytest.raises(StorageError, match="full"):
        replay(finished, tmp_path / "out")


def test_an_interrupted_replay_goes_on_where_it_was(finished: Lab, tmp_path: Path) -> None:
    finished.at["1 refit"] = half_done
    with pytest.raises(KeyboardInterrupt):
        replay(finished, tmp_path / "out")
    assert not Replay.read(tmp_path / "out" / "replay.json").finished
    seen: list[str] = []
    finished.at["1 refit"] = lambda context: seen.append((context.scratch / "shard").read_text())
    found = replay(finished, tmp_path / "out")
    assert seen == ["half"]
    assert finished.ran[0] == "1 refit"
    assert found.is_same
    assert {(stage.day, stage.stage) for stage in found.replayed} == ALL


def test_a_finished_replay_is_told_again_without_work(finished: Lab, tmp_path: Path) -> None:
    first = replay(finished, tmp_path / "out")
    again = replay(finished, tmp_path / "out")
    assert finished.ran == []
    assert again == first


@pytest.mark.parametrize("other", ["days", "recording", "files", "damaged"])
def test_a_folder_of_anything_else_is_refused(finished: Lab, tmp_path: Path, other: str) -> None:
    out = tmp_path / "out"
    if other == "files":
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    else:
        replay(finished, out, 0)
    if other == "recording":  # made from what was there then: what is made now would be of both
        (finished.paths.folder("recording", 0) / "recording.txt").write_text("other")
    if other == "damaged":
        (out / "replay.json").write_text("{")
    with refused(StudyError, "--out", "Name another folder"):
        replay(finished, out, *([0, 1] if other == "days" else [0]))


def test_a_folder_of_the_study_is_refused(finished: Lab) -> None:
    with refused(StudyError, "--out", "Name another"):
        replay(finished, finished.paths.root / "again")
    assert not (finished.paths.root / "again").exists()


def test_a_day_that_is_not_over_is_refused(tmp_path: Path) -> None:
    made = lab(tmp_path / "study", days=2)
    made.run(days=1)
    with refused(StudyError, made.paths.folder("ingest", 1), "Replay a day that is over"):
        replay(made, tmp_path / "out", 1)
    assert {stage.day for stage in replay(made, tmp_path / "out").replayed} == {0}


def test_a_stage_that_was_made_by_another_version_is_made_again(
    finished: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(finished, tmp_path / "out", 0)
    manifest = tmp_path / "out" / "after-the-session" / "day-00" / "evaluate"
    read_manifest(manifest).model_copy(update={"code_version": "0"}).write(manifest / "manifest.json")
    found = replay(finished, tmp_path / "out", 0)
    assert finished.ran == ["0 evaluate"]
    assert found.is_same


def test_what_is_made_can_be_opened_as_a_study(finished: Lab, tmp_path: Path) -> None:
    replay(finished, tmp_path / "out", 1)
    tree = replace(finished.paths, root=tmp_path / "out" / "after-the-session")
    published = json.loads((finished.paths.folder("evaluate", 1) / "evaluate.txt").read_text())
    assert json.loads((tree.folder("evaluate", 1) / "evaluate.txt").read_text()) == published
    assert tree.folder("recording", 1).is_symlink()
    assert not tree.folder("evaluate", 1).is_symlink()
