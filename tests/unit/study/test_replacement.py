"""A bad copy of a recording gives way to a good one: by name, with a reason, kept, and whole at every moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from typer import Exit

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.commands.brought import accept_recording, replace_recording
from closedloop.errors import ClosedLoopError, OptionError, RecordingError, StudyError
from closedloop.study.loop import Outcome
from closedloop.study.replacement import INTENT, Replacement, finish_replacements
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring


class Killed(BaseException):
    """What a kill is to a test."""


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A study whose session is sealed, and its whole recording on another disk."""
    study = lab(tmp_path / "study", days=1, simulated=False)
    study.run()
    bring(study.paths, 0)
    bring_recording(study.paths, 0)
    study.paths.folder("recording", 0).rename(tmp_path / "recorder")
    study.run()
    return study


def recorder(made: Lab) -> Path:
    return made.paths.root.with_name("recorder")


def bring_bad_copy(made: Lab) -> Path:
    """Bring a copy of which a byte is wrong, which nothing shows."""
    folder = made.paths.folder("recording", 0)
    folder.mkdir()
    for file in recorder(made).iterdir():
        content = bytearray(file.read_bytes())
        if file.suffix == ".ns6":
            content[-10] ^= 1
        (folder / file.name).write_bytes(content)
    return folder


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-10] ^= 2
    file.write_bytes(content)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST_NAME}


def seal_without_ingest(made: Lab) -> None:
    """Run the loop so far that the recording is sealed, and no further."""

    def stop(_context: object) -> None:
        raise KeyboardInterrupt

    made.at["0 ingest"] = stop
    with pytest.raises(KeyboardInterrupt):
        made.run()
    made.at.clear()


def replace(made: Lab, *, why: str = "the first copy was bad", as_it_is: bool = False) -> str:
    return replace_recording(
        made.paths.root, day=0, source=recorder(made), why=why, who="ann", as_it_is=as_it_is, settle_s=0
    )


@pytest.mark.parametrize("sealed", [False, True])
def test_the_good_copy_takes_the_place_of_the_bad_one_which_is_kept(made: Lab, sealed: bool) -> None:
    folder = bring_bad_copy(made)
    bad, good = content_of(folder), content_of(recorder(made))
    if sealed:
        seal_without_ingest(made)
    said = replace(made)
    assert "kept in" in said
    assert content_of(folder) == good
    assert content_of(made.paths.replaced(0) / "recording-1") == bad
    (noted,) = read_amendments(made.paths.amendments)
    assert (noted.kind, noted.day, noted.who, noted.why) == ("replace_recording", 0, "ann", "the first copy was bad")
    assert set(noted.before) >= {"array1.ns6"}
    assert noted.before["array1.ns6"] != noted.after["array1.ns6"]
    assert made.run() == Outcome(None, 0)
    assert {name: entry.sha256 for name, entry in read_manifest(folder).outputs.items()} == noted.after


def test_an_array_that_came_late_is_asked_for_and_taken_in_by_the_named_command(made: Lab) -> None:
    folder = made.paths.folder("recording", 0)
    recorder(made).rename(folder)
    seal_without_ingest(made)
    of_another = bytearray((folder / "array1.nev").read_bytes())
    of_another[-1] ^= 1
    (folder / "array2.nev").write_bytes(of_another)
    with refused(StudyError, folder / "array2.nev", "found one that came later", "closedloop replace-recording"):
        made.run()
    recorder(made).mkdir()
    for file in folder.iterdir():
        if file.name != MANIFEST_NAME:
            (recorder(made) / file.name).write_bytes(file.read_bytes())
    replace(made)
    assert made.run() == Outcome(None, 0)
    assert "array2.nev" in read_manifest(folder).outputs


def test_after_ingest_too_a_late_file_is_moved_out_or_all_are_brought_anew(made: Lab) -> None:
    folder = bring_bad_copy(made)
    made.run()
    (folder / "array2.nev").touch()
    with refused(StudyError, folder / "array2.nev", "replace-recording", "move it out of the folder"):
        made.run()
    (folder / "array2.nev").unlink()
    assert "is made again" in replace(made)
    assert made.run() == Outcome(None, 0)
    assert made.ran == ["0 ingest", "0 refit", "0 evaluate"]


def test_what_a_desktop_leaves_in_a_sealed_folder_stops_nothing(made: Lab) -> None:
    folder = bring_bad_copy(made)
    (folder / "Thumbs.db").write_bytes(b"one")
    assert made.run() == Outcome(None, 0)
    (folder / "Thumbs.db").write_bytes(b"two")
    (folder / ".DS_Store").touch()
    assert made.run() == Outcome(None, 0)


def test_a_copy_that_is_not_whole_replaces_nothing(made: Lab) -> None:
    folder = bring_bad_copy(made)
    before = content_of(folder)
    os.truncate(recorder(made) / "array1.nev", (recorder(made) / "array1.nev").stat().st_size - 7)
    with pytest.raises(RecordingError, match=r"array1\.nev .*ends within a packet.*--as-it-is"):
        replace(made)
    assert content_of(folder) == before
    assert read_amendments(made.paths.amendments) == ()
    replace(made, as_it_is=True)
    assert content_of(folder) == content_of(recorder(made))


def test_nothing_to_replace_no_reason_and_a_folder_of_the_study_are_refused(made: Lab) -> None:
    with refused(StudyError, made.paths.folder("recording", 0), "found none"):
        replace(made)
    bring_bad_copy(made)
    with refused(OptionError, "--why"):
        replace(made, why=" ")
    with refused(StudyError, made.paths.root / "day-00", "one in the study itself"):
        replace_recording(
            made.paths.root, day=0, source=made.paths.root / "day-00", why="x", who=None, as_it_is=False, settle_s=0
        )


@pytest.mark.parametrize("n_steps", range(12))
def test_killed_at_any_point_the_day_has_one_recording_or_the_other(
    made: Lab, monkeypatch: pytest.MonkeyPatch, n_steps: int
) -> None:
    folder = bring_bad_copy(made)
    bad, good = content_of(folder), content_of(recorder(made))
    left = [n_steps]

    def killable(function: object) -> object:
        def step(*arguments: object, **options: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return function(*arguments, **options)  # type: ignore[operator]

        return step

    with monkeypatch.context() as kills:
        for name in ("rename", "replace", "unlink"):
            kills.setattr(Path, name, killable(getattr(Path, name)))
        kills.setattr("closedloop.study.replacement.append_amendment", killable(append))
        with suppress(Killed):
            replace(made)
    made.run()
    kept = made.paths.replaced(0) / "recording-1"
    noted = [one.kind for one in read_amendments(made.paths.amendments)]
    if kept.exists():
        assert (content_of(folder), content_of(kept), noted) == (good, bad, ["replace_recording"])
    else:
        assert (content_of(folder), noted) == (bad, [])
    assert (folder / MANIFEST_NAME).is_file()


def append(*arguments: object) -> None:
    from closedloop.artifacts.records.amendments import append_amendment

    append_amendment(*arguments)  # type: ignore[arg-type]


def test_a_second_replacement_keeps_both_older_ones(made: Lab) -> None:
    bring_bad_copy(made)
    replace(made)
    change_a_byte(recorder(made) / "array1.ns6")
    replace(made, why="once more")
    assert sorted(path.name for path in made.paths.replaced(0).iterdir()) == ["recording-1", "recording-2"]
    assert [one.why for one in read_amendments(made.paths.amendments)] == ["the first copy was bad", "once more"]


@pytest.mark.parametrize("sealed", [False, True])
def test_the_same_command_given_twice_replaces_once(made: Lab, sealed: bool) -> None:
    folder = bring_bad_copy(made)
    replace(made)
    if sealed:
        seal_without_ingest(made)
    with refused(StudyError, recorder(made), "found the same, byte for byte", f"closedloop run {made.paths.root}"):
        replace(made)
    assert [one.kind for one in read_amendments(made.paths.amendments)] == ["replace_recording"]
    assert [path.name for path in made.paths.replaced(0).iterdir()] == ["recording-1"]
    assert not Replacement(made.paths, 0).coming.exists()
    change_a_byte(folder / "array1.ns6")  # overwritten since: the good copy is another one then
    replace(made)


def test_a_recording_that_is_really_short_is_taken_by_name_and_with_a_reason(made: Lab) -> None:
    folder = bring_bad_copy(made)
    (folder / "array1.ns6").unlink()
    assert "array1.ns6" in str(made.run().waiting_for)
    said = accept_recording(made.paths.root, day=0, why="the disk was full", who=None)
    assert "array1.nev" in said
    assert made.run() == Outcome(None, 0)
    (noted,) = read_amendments(made.paths.amendments)
    assert (noted.kind, noted.why, set(noted.after)) == ("accept_recording", "the disk was full", {"array1.nev"})
    with refused(StudyError, folder, "found it sealed"):
        accept_recording(made.paths.root, day=0, why="again", who=None)


@pytest.mark.parametrize("command", ["accept", "replace"])
def test_a_simulated_study_has_nothing_to_accept_or_replace(tmp_path: Path, command: str) -> None:
    root = lab(tmp_path / "study", days=1).paths.root
    with refused(StudyError, root, "found a simulated one"):
        if command == "accept":
            accept_recording(root, day=0, why="x", who=None)
        else:
            replace_recording(root, day=0, source=tmp_path, why="x", who=None, as_it_is=False, settle_s=0)


def test_replacement_leaves_nothing_half_done_beside_the_day(made: Lab) -> None:
    bring_bad_copy(made)
    replace(made)
    made.run()
    hidden = [path.name for path in made.paths.day(0).root.iterdir() if path.name.startswith(".")]
    assert hidden == []
    assert not Replacement(made.paths, 0).coming.exists()


def test_a_simulated_recording_never_replaces_an_animal_s(made: Lab) -> None:
    bring_bad_copy(made)
    file = recorder(made) / "array1.nev"
    content = bytearray(file.read_bytes())
    content[44:76] = b"closedloop simulated array".ljust(32, b"\0")
    file.write_bytes(content)
    with pytest.raises(ClosedLoopError, match="found a simulated one"):
        replace(made)


def damage_of(made: Lab) -> list[str]:
    """Return what `closedloop verify` finds of replaced recordings, and of what is hidden beside the stages."""
    found = verify_study(made.paths)
    lines = [*(one.message for one in found.faults), *found.notes]
    places = f"{made.paths.replaced(0)}/", f"{made.paths.day(0).root}/.re", str(made.paths.replaced(0)) + ":"
    return [line for line in lines if line.startswith(places)]


@pytest.mark.parametrize("sealed", [False, True])
def test_what_was_replaced_is_read_again_and_a_look_at_a_folder_is_no_fault(made: Lab, sealed: bool) -> None:
    bring_bad_copy(made)
    if sealed:
        seal_without_ingest(made)
    replace(made)
    change_a_byte(recorder(made) / "array1.ns6")
    replace(made, why="once more")
    made.paths.day(0).root.joinpath(".recording.look.json").touch()
    assert damage_of(made) == []
    first, second = (made.paths.kept(0, number) for number in (1, 2))
    os.truncate(first / "array1.nev", 4_000)
    (second / "array1.ns6").unlink()
    assert [line.partition(": expected ")[0] for line in damage_of(made)] == [
        str(first / "array1.nev"),
        str(second / "array1.ns6"),
    ]


def test_a_byte_of_a_sealed_recording_that_was_replaced_is_missed(made: Lab) -> None:
    bring_bad_copy(made)
    seal_without_ingest(made)
    replace(made)
    path = made.paths.kept(0, 1) / "array1.ns6"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    (line,) = damage_of(made)
    assert line.startswith(f"{path}: expected the recording that a better copy took the place of")


def test_a_replacement_that_was_stopped_is_a_note(made: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_bad_copy(made)

    def stop(_replacement: Replacement) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Replacement, "finish", stop)
        with pytest.raises(Exit):
            replace(made)
    intent = made.paths.day(0).root / INTENT
    assert [line for line in damage_of(made) if str(intent) in line] == [
        f"{intent}: a replacement that was stopped; `closedloop run` finishes it."
    ]


def test_a_look_that_a_killed_loop_left_beside_a_sealed_folder_is_swept(made: Lab) -> None:
    bring_bad_copy(made)
    made.run()
    left = [made.paths.day(0).root / f".{stage}.look.json" for stage in ("present", "recording")]
    for memory in left:
        memory.touch()
    made.run()
    assert not any(memory.exists() for memory in left)


def test_an_intent_that_names_another_place_is_refused_and_nothing_moves(
    made: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_bad_copy(made)

    def stop(_replacement: Replacement) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Replacement, "finish", stop)
        with pytest.raises(Exit):
            replace(made)
    intent = made.paths.day(0).root / INTENT
    intent.write_text(intent.read_text().replace('"recording-1"', '"../../../elsewhere"'))
    before = content_of(made.paths.folder("recording", 0))
    with refused(StudyError, f"{intent}: kept: expected recording- and a number, found '../../../elsewhere'"):
        finish_replacements(made.paths)
    assert content_of(made.paths.folder("recording", 0)) == before
