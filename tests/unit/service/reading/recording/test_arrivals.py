"""What is said of a recording that comes: by the loop's own rules, whatever comes in whatever order."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.study import ArrayFiles
from closedloop.blackrock import read_nev
from closedloop.service.reading.recording.arrivals import Arrivals, AwaitedRecording, arrivals
from closedloop.service.reading.session.journal import JournalReader
from tests.unit.study.completeness.brought import DAY, Bench, bench, names, on_the_recorder


@pytest.fixture
def made(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def look(made: Bench, *, after_s: float = 0.0, is_ended: bool = True) -> Arrivals:
    """Look so many seconds after the youngest file changed."""
    changed = [path.stat().st_ctime for path in made.folder.rglob("*")] if made.folder.is_dir() else [0.0]
    counts = JournalReader(made.paths.folder("present", DAY) / "journal.jsonl").look().counts
    now = max(changed) + after_s
    return arrivals(AwaitedRecording(made.paths, made.study, made.protocol, DAY, counts.codes_s, is_ended, now))


def test_before_anything_comes_it_says_where_to_put_it(made: Bench) -> None:
    found = look(made)
    assert (found.state, found.files, found.codes) == ("awaited", (), ())
    assert (
        found.awaited == f"The session's .nev (and .nsx) files of day {DAY} are awaited: copy them into {made.folder}."
    )


def test_a_whole_recording_is_all_there_once_it_has_settled(made: Bench) -> None:
    made.copy()
    assert look(made, after_s=30).awaited == "All is there; it is taken over once nothing has changed for 60 s."
    found = look(made, after_s=90)
    assert found.state == "settled"
    assert found.awaited == f"All is there: `closedloop run {made.paths.root}` takes it over."
    assert [(one.name, one.array, one.state, one.fault) for one in found.files] == [
        (name, name.partition(".")[0], "settled", "") for name in names()
    ]
    for one in found.codes:
        codes = read_nev(on_the_recorder() / f"{one.array}.nev").codes
        assert one.n_codes == len(codes.value[codes.value != 0])
        assert one.lacks_s == pytest.approx(0.0, abs=0.5)


def test_a_session_that_goes_on_has_no_whole_recording(made: Bench) -> None:
    made.copy()
    assert "still goes on" in look(made, after_s=90, is_ended=False).awaited


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_it_says_that_all_is_there_exactly_where_the_loop_s_rules_do(made: Bench, seed: int) -> None:
    random = Random(seed)
    made.folder.mkdir(exist_ok=True)
    contents = {name: (on_the_recorder() / name).read_bytes() for name in names()}
    sizes = dict.fromkeys(contents, 0)
    n_whole = 0
    while any(sizes[name] < len(contents[name]) for name in contents):
        name = random.choice([name for name in contents if sizes[name] < len(contents[name])])
        step = random.choice([1, 50, 3000, len(contents[name]) // 3, len(contents[name])])
        sizes[name] = min(sizes[name] + step, len(contents[name]))
        (made.folder / name).write_bytes(contents[name][: sizes[name]])
        is_whole = made.watch.look(made.recording).missing == ""
        assert look(made, after_s=90).awaited.startswith("All is there") == is_whole
        n_whole += is_whole
    assert n_whole == 1


def test_half_a_file_is_said_with_what_it_lacks_of_the_session(made: Bench) -> None:
    made.copy()
    path = made.folder / "array2.nev"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    found = look(made, after_s=5)
    assert found.state == "growing"
    half = next(one for one in found.codes if one.array == "array2")
    codes = read_nev(path).codes
    assert half.span_s == pytest.approx((codes.tick[-1] - codes.tick[0]) / 30_000)
    assert half.lacks_s is not None
    assert half.lacks_s > 5
    assert next(one for one in found.files if one.name == "array2.nev").fault or len(content) // 2 % 2 == 0


def test_a_copy_under_a_temporary_name_is_awaited(made: Bench) -> None:
    made.copy()
    (made.folder / "array1.nev").rename(made.folder / ".array1.nev.Xy12Zz")
    found = look(made, after_s=90)
    assert found.awaited == ".array1.nev.Xy12Zz is of a copy that is not finished."
    assert found.files[0].fault == "is of a copy that is not finished"
    assert [one.array for one in found.codes] == ["array2"]


def test_a_file_in_a_folder_of_its_own_and_a_name_of_no_array_are_said(made: Bench) -> None:
    (made.folder / "nsp1").mkdir(parents=True)
    (made.folder / "nsp1" / "array1.nev").write_bytes((on_the_recorder() / "array1.nev").read_bytes())
    assert "belongs into" in look(made).awaited
    patterns = (ArrayFiles(name="left", files="LEFT*"), ArrayFiles(name="right", files="RIGHT*"))
    made.study = made.study.model_copy(update={"array_files": patterns})
    made.copy()
    assert "fit one of the arrays' patterns" in look(made).awaited


def test_a_sealed_recording_awaits_nothing(made: Bench) -> None:
    made.copy()
    (made.folder / MANIFEST_NAME).write_text("{}")
    found = look(made, after_s=1)
    assert (found.state, found.awaited) == ("sealed", "")
    assert {one.state for one in found.files} == {"sealed"}
