"""A recording that is replaced once later days were shown: they stand as they were, what follows is made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closedloop.artifacts.amended.kept import kept_folders, sites_as_shown, source_of
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.commands.brought import replace_recording
from closedloop.errors import StudyError
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.amending.test_amend import published
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

SHOWN = [f"day-{day:02d}/{stage}" for day in range(2) for stage in ("plan", "synthesize", "schedule", "present")]


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A real study of which days 0 and 1 are recorded, and day 2 waits for its session."""
    study = lab(tmp_path / "study", days=3, simulated=False)
    for day in range(2):
        study.run()
        bring(study.paths, day)
        bring_recording(study.paths, day)
    study.run()
    return study


def better(made: Lab, day: int = 0) -> Path:
    """Return a folder with another copy of a day's recording."""
    folder = made.paths.root.with_name("better")
    shutil.copytree(made.paths.folder("recording", day), folder, ignore=lambda _folder, _names: [MANIFEST_NAME])
    with (folder / "array1.ns6").open("r+b") as file:
        file.seek(-10, 2)
        file.write(b"\1\0")
    (folder / "note.txt").write_text("another copy")
    return folder


def replace(made: Lab, source: Path, day: int = 0) -> str:
    return replace_recording(
        made.paths.root, day=day, source=source, why="the first copy was bad", who="ann", as_it_is=False, settle_s=0
    )


def manifests(made: Lab, folders: list[str]) -> list[bytes]:
    return [(made.paths.root / folder / MANIFEST_NAME).read_bytes() for folder in folders]


def test_what_was_shown_stands_and_what_follows_from_the_recording_is_made_again(made: Lab) -> None:
    before, shown = published(made), manifests(made, SHOWN)
    said = replace(made, better(made))
    assert "Day 1 stands as it was shown. The session of day 2 is made anew: if it was shown, bring it first." in said
    assert made.run().day == 2
    again = ["ingest", "refit", "evaluate"]
    assert [name for name in made.ran if name.startswith("0 ")] == [f"0 {name}" for name in again]
    assert [name for name in made.ran if name.startswith("1 ")] == [f"1 {name}" for name in [*again, "queue"]]
    assert [name for name in made.ran if name.startswith("2 ")] == ["2 plan", "2 synthesize", "2 schedule"]
    assert manifests(made, SHOWN) == shown
    assert published(made)["day-00/refit"] != before["day-00/refit"]
    assert made.run().day == 2
    assert made.ran == []


def test_the_folders_that_a_shown_session_was_made_from_are_kept_and_the_others_not(made: Lab) -> None:
    before = published(made)
    replace(made, better(made))
    made.run()
    kept = {made.paths.relative(path) for path in made.paths.root.glob("day-*/replaced/*")}
    assert kept == {f"day-00/replaced/{name}-1" for name in ("recording", "ingest", "refit", "evaluate")}
    after = published(made)
    for name in ("ingest", "refit"):
        assert after[f"day-00/replaced/{name}-1"] == before[f"day-00/{name}"]
    inputs = read_manifest(made.paths.folder("synthesize", 1)).inputs
    assert source_of(made.paths, inputs, "day-00/refit") == made.paths.root / "day-00/replaced/refit-1"
    assert source_of(made.paths, inputs, "day-01/plan") == made.paths.root / "day-01/plan"


def test_the_sites_stay_those_that_later_days_were_shown_by(made: Lab) -> None:
    assert sites_as_shown(made.paths) is None
    replace(made, better(made))
    made.run()
    (kept,) = kept_folders(made.paths.folder("ingest", 0))
    assert sites_as_shown(made.paths) == kept
    assert "day-00/replaced/ingest-1/ingest.txt" in read_manifest(made.paths.folder("ingest", 0)).inputs


def test_a_recording_that_is_replaced_before_another_day_is_shown_has_its_sites_chosen_anew(tmp_path: Path) -> None:
    made = lab(tmp_path / "study", days=2, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.run()
    replace(made, better(made))
    made.run()
    assert sites_as_shown(made.paths) is None
    assert kept_folders(made.paths.folder("ingest", 0)) == []
    assert made.ran[-3:] == ["1 plan", "1 synthesize", "1 schedule"]


def test_put_back_the_study_is_what_it_was_and_what_was_kept_is_not_computed_again(made: Lab) -> None:
    before, folders = published(made), ["day-00/ingest", "day-00/refit", "day-00/evaluate", *SHOWN]
    bytes_before = manifests(made, folders)
    replace(made, better(made))
    made.run()
    replace(made, made.paths.kept(0, 1))
    assert made.run().day == 2
    assert not {"0 ingest", "0 refit", "0 evaluate"} & set(made.ran)  # they come back with their own manifests
    assert manifests(made, folders) == bytes_before
    after = published(made)
    assert {name: after[name] for name in before} == before
    assert made.run().day == 2
    assert made.ran == []


def test_the_last_recorded_day_is_replaced_and_only_its_own_is_made_again(made: Lab) -> None:
    replace(made, better(made, day=1), day=1)
    made.run()
    assert made.ran == ["1 ingest", "1 refit", "1 evaluate", "1 queue", "2 plan", "2 synthesize", "2 schedule"]
    assert not list(made.paths.root.glob("day-*/replaced/[!r]*"))  # nobody was shown anything made from them


def test_verification_reads_what_was_kept_and_says_what_was_shown_by_it(made: Lab) -> None:
    replace(made, better(made))
    made.run()
    found = verify_study(made.paths, table=made.table)
    shown = [note for note in found.notes if "stands as its session was shown" in note]
    assert [note.split(":")[0].rsplit("study/")[1] for note in shown] == [
        "day-00/queue",
        "day-01/plan",
        "day-01/synthesize",
    ]
    kept = made.paths.root / "day-00/replaced/refit-1/refit.txt"
    kept.write_text("other")
    found = verify_study(made.paths, table=made.table)
    faults = [fault.message for fault in found.faults if fault.kind == "bytes"]
    assert len(faults) == 1
    assert faults[0].startswith(f"{kept}: expected the bytes")
    assert faults[0].endswith("Restore it from a copy: it cannot be made again.")


def test_without_what_was_kept_nobody_knows_what_the_session_was_made_from(made: Lab) -> None:
    replace(made, better(made))
    made.run()
    shutil.rmtree(made.paths.root / "day-00/replaced/refit-1")
    with refused(
        StudyError, made.paths.folder("synthesize", 1), "expected what day 1 was recorded with", "A recording"
    ):
        made.run()


@pytest.mark.parametrize("stage", ["ingest", "refit", "evaluate"])
def test_killed_in_a_stage_that_is_made_again_the_study_ends_the_same(made: Lab, stage: str) -> None:
    whole = Path(shutil.copytree(made.paths.root, made.paths.root.with_name("whole")))
    source = better(made)
    replace(made, source)
    made.run()
    killed = Lab(type(made.paths)(whole))
    replace(killed, source)

    def stop(_context: object) -> None:
        raise KeyboardInterrupt

    killed.at = {f"0 {stage}": stop}
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    killed.at = {}
    killed.run()
    assert published(killed) == published(made)
