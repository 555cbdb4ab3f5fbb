"""Tables are of one protocol and one run: what is stale, being made again or damaged is said in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import closedloop
from closedloop import Study
from closedloop.access.files import published_files
from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import StudyFile
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.errors import ClosedLoopError, DocumentError, ProtocolError, StudyError
from tests.unit.access.studies import SITES, Made, make_study
from tests.unit.days import pixels


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return closedloop.open_study(make_study(tmp_path / "study"))


def made(study: Study) -> Made:
    return Made(StudyPaths(study.path), 0, simulated=True)


def edit_protocol(study: Study, old: str, new: str) -> Study:
    path = StudyPaths(study.path).protocol
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return closedloop.open_study(study.path)


def test_rates_of_another_window_than_the_protocol_s_are_refused_and_counts_are_not(study: Study) -> None:
    before = study.responses(0, unit="counts")
    edited = edit_protocol(study, "window_stop_ms: 170.0", "window_stop_ms: 270.0")
    with pytest.raises(StudyError, match=r"day-00/ingest: .* made with another protocol than protocol.yaml has now"):
        edited.responses(0)
    assert edited.responses(0, unit="counts").equals(before)
    assert len(edited.presentations(0)) == len(before)


def test_rates_stand_where_the_protocol_changed_for_other_stages_alone(study: Study) -> None:
    before = study.responses(0)
    assert edit_protocol(study, "ridge: 0.1 ", "ridge: 0.2 ").responses(0).equals(before)


@pytest.mark.parametrize("file", [catalog.STIMULI, catalog.JOURNAL])
def test_presentations_are_not_joined_from_two_runs(study: Study, file: StudyFile) -> None:
    again = made(study)
    (again.path(file).parent / "new.txt").write_text("of another run")
    again.publish(file.stage)
    with pytest.raises(StudyError, match=rf"found day-00/{file.stage} of another run: the day is being made again, or"):
        study.presentations(0)
    assert len(study.presentations(1)) == len(study.responses(0)) == 4
    again.publish("ingest")
    assert len(study.presentations(0)) == 4


def republish(study: Study, text: str) -> None:
    again = made(study)
    (again.path(catalog.RESPONSES).parent / "new.txt").write_text(text)
    again.publish("ingest")


def reader(study: Study, actions: list[Callable[[], Any]]) -> Callable[[], int]:
    """Return what reads while something else happens, once an action; its value is how often it was called."""
    calls = []

    def read() -> int:
        calls.append(len(calls))
        if actions:
            actions.pop(0)()
        return len(calls)

    return read


def fail(error: Exception) -> None:
    raise error


def test_what_is_published_while_it_is_read_is_read_again(study: Study) -> None:
    read = reader(study, [lambda: republish(study, "one")])
    assert published_files(study.path).read_together(0, catalog.RESPONSES, read) == 2


def test_so_it_is_where_the_reading_failed_meanwhile(study: Study) -> None:
    read = reader(study, [lambda: (republish(study, "one"), fail(DocumentError("no such file")))])
    assert published_files(study.path).read_together(0, catalog.RESPONSES, read) == 2


def test_an_error_of_a_file_that_nobody_touched_is_its_own(study: Study) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        published_files(study.path).read_together(
            0, catalog.RESPONSES, reader(study, [lambda: fail(DocumentError("no such file"))])
        )


def test_what_is_published_again_and_again_is_given_up(study: Study) -> None:
    read = reader(study, [lambda: republish(study, "one"), lambda: republish(study, "another")])
    with pytest.raises(StudyError, match="found files that change while they are read: the day is being made again"):
        published_files(study.path).read_together(0, catalog.RESPONSES, read)


READERS: dict[str, Callable[[Study], Any]] = {
    "presentations": lambda study: study.presentations(0),
    "responses": lambda study: study.responses(0),
    "sites": lambda study: study.sites(0),
    "onsets": lambda study: study.onsets(0, SITES[0]),
    "spikes": lambda study: study.spikes(0, SITES[0]),
    "pairs": lambda study: study.pairs(0),
    "images": lambda study: study.images(0),
    "image": lambda study: study.image(str(study.stimuli(0).loc[0, "stimulus_id"])),
}


@pytest.mark.parametrize("name", READERS)
def test_every_table_is_read_so(study: Study, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    whole = type(study._files).read_together

    def counted(files: Any, *args: Any, **options: Any) -> Any:
        asked.append(1)
        return whole(files, *args, **options)

    monkeypatch.setattr(type(study._files), "read_together", counted)
    READERS[name](study)
    assert asked


def test_an_image_whose_bytes_are_not_those_of_its_name_is_refused(study: Study) -> None:
    name = str(study.stimuli(0).loc[1, "stimulus_id"])
    again = made(study)
    again.write(catalog.IMAGES, {"images": pixels(2)[::-1]})
    with pytest.raises(StudyError, match=rf"images.h5: expected the bytes of image {name} in row 1.*is damaged"):
        study.image(name)


def cut(study: Study) -> None:
    path = made(study).path(catalog.JOURNAL)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))


def test_a_file_of_another_length_than_its_manifest_says_is_damaged(study: Study) -> None:
    cut(study)
    with pytest.raises(StudyError, match=r"journal.jsonl: expected the \d+ bytes that manifest.json .* it is damaged"):
        study.journal(0)
    with pytest.raises(StudyError, match="it is damaged"):
        study.presentations(0)


def fewer_counts(study: Study) -> None:
    counts = made(study).paths.day(0).folder("ingest") / catalog.COUNTS.name
    values = catalog.COUNTS.read(counts)
    made(study).write(catalog.COUNTS, values | {"counts": values["counts"][:3]})


def fewer_onsets(study: Study) -> None:
    values = catalog.ONSETS.read(made(study).path(catalog.ONSETS))
    made(study).write(catalog.ONSETS, {n: v[:, :3] if v.ndim == 2 else v for n, v in values.items()})


def one_processor(study: Study) -> None:
    values = catalog.ONSETS.read(made(study).path(catalog.ONSETS))
    made(study).write(catalog.ONSETS, {name: own[:1] for name, own in values.items()})


def other_stimuli(study: Study) -> None:
    values = catalog.STIMULI.read(made(study).path(catalog.STIMULI))
    made(study).write(catalog.STIMULI, values | {"stimulus_id": np.array(["x", "y"])})


def fewer_images(study: Study) -> None:
    made(study).write(catalog.IMAGES, {"images": pixels(1)})


@pytest.mark.parametrize(
    ("damage", "ask", "message"),
    [
        (
            cut,
            "presentations",
            r"journal.jsonl: expected the presentations of .* \(4\), found others \(2\)",
        ),
        (fewer_counts, "responses", r"responses.h5: expected counts of \(4, 4\) .* found \(3, 4\)"),
        (fewer_onsets, "onsets", r"onsets.h5: expected onsets of the 4 presentations .* found \(2, 3\)"),
        (one_processor, "onsets of array2-001", r"onsets.h5: expected onsets on processor 2 .* found those on \[1\]"),
        (other_stimuli, "presentations", r"stimuli.parquet: expected the images that responses.parquet names"),
        (fewer_images, "images", r"images.h5: expected the 2 images of stimuli.parquet, found 1"),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused_in_one_line(
    study: Study, damage: Callable[[Study], None], ask: str, message: str
) -> None:
    """As if each had been damaged and sealed again: the manifests agree with the bytes."""
    damage(study)
    for stage in ("synthesize", "present", "ingest"):
        made(study).publish(stage)
    readers = READERS | {"onsets of array2-001": lambda study: study.onsets(0, "array2-001")}
    with pytest.raises(ClosedLoopError, match=message) as raised:
        readers[ask](study)
    assert "\n" not in str(raised.value)


def test_a_folder_in_the_place_of_the_protocol_is_refused(study: Study) -> None:
    path = StudyPaths(study.path).protocol
    path.unlink()
    path.mkdir()
    with pytest.raises(ProtocolError, match=r"protocol.yaml: expected a file, found a folder"):
        closedloop.open_study(study.path)


def test_a_days_two_sessions_are_told_apart_by_the_column_session(tmp_path: Path) -> None:
    root = make_study(tmp_path / "study")
    paths = StudyPaths(root)
    StudyDocument.read(paths.study).model_copy(update={"rounds": 2}).write(paths.study)
    paths.protocol.write_text(paths.protocol.read_text() + "rounds: 2\n")
    shutil.copytree(paths.day(1).root, paths.at(Block(1, 2)).day(1).root)
    for block, answers in ((Block(1), (3.0, 4.0)), (Block(1, 2), (7.0, 8.0))):
        session = Made(paths.at(block), 1, simulated=True)
        usual: dict[str, Any] = {
            name: "" if column.dtype == "string" else 0
            for name, column in catalog.EVOLUTION_EFFECTS.layout.columns.items()
        }
        rows = [usual | {"response_hz": answer, "true_hz": 1.0} for answer in answers]
        session.write(catalog.EVOLUTION_EFFECTS, as_columns(rows, catalog.EVOLUTION_EFFECTS.layout))
        session.publish("evaluate")
    shown = closedloop.open_study(root).evolution()
    assert shown[["day", "session", "response_hz"]].values.tolist() == [
        [1, number, answer] for number, answers in ((1, (3.0, 4.0)), (2, (7.0, 8.0))) for answer in answers
    ]
    assert "true_hz" not in shown
    assert shown.attrs["simulated"]
