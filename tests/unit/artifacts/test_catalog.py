"""Where a study's files lie, and how they are read and written by their row of the catalog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.catalog import JOURNAL, MODEL, PREDICTIONS, QUEUE, REPORT, USES, spikes
from closedloop.artifacts.gates.report import CHECKPOINTS, gate_report_path
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import is_simulated
from tests.unit.days import image_queue
from tools.study_tree import tree

PATHS = StudyPaths(Path("/lab/study"))


def test_a_file_lies_in_its_stages_folder_of_its_day() -> None:
    assert JOURNAL.published(PATHS, 3) == Path("/lab/study/day-03/present/journal.jsonl")
    assert REPORT.published(PATHS, 3) == Path("/lab/study/report/index.html")


def test_what_is_handed_on_is_read_from_the_day_before_and_on_day_0_from_the_start() -> None:
    assert MODEL.published(PATHS, 0) == Path("/lab/study/start/model.safetensors")
    assert QUEUE.published(PATHS, 2) == Path("/lab/study/day-01/queue/queue.json")


def test_each_processor_has_spikes_of_its_own_and_the_first_always() -> None:
    assert [(spikes(number).name, spikes(number).optional) for number in (1, 2)] == [
        ("spikes.h5", False),
        ("spikes-2.h5", True),
    ]


def test_a_document_of_the_other_kind_of_study_is_never_written(tmp_path: Path) -> None:
    queue = image_queue(0, clean=1, anchors=1, normalizers=1)
    with pytest.raises(ValueError, match="simulated=False"):
        QUEUE.write(tmp_path / QUEUE.name, queue, simulated=False)
    QUEUE.write(tmp_path / QUEUE.name, queue, simulated=True)
    assert QUEUE.read(tmp_path / QUEUE.name) == queue


@pytest.mark.parametrize("simulated", [True, False])
def test_tables_and_arrays_carry_the_mark_and_come_back(tmp_path: Path, simulated: bool) -> None:
    columns = {"image_id": ["a"], "day": [0], "use": ["clean"], "fitted": [True]}
    USES.write(tmp_path / USES.name, columns, simulated=simulated)
    assert is_simulated(tmp_path / USES.name) == simulated
    assert {name: values.tolist() for name, values in USES.read(tmp_path / USES.name).items()} == columns
    predicted = np.arange(6, dtype=np.float32).reshape(2, 3)
    PREDICTIONS.write(tmp_path / PREDICTIONS.name, {"predicted": predicted}, simulated=simulated)
    np.testing.assert_array_equal(PREDICTIONS.read(tmp_path / PREDICTIONS.name)["predicted"], predicted)


def test_the_tree_names_the_reports_of_all_checkpoints() -> None:
    for checkpoint in CHECKPOINTS:
        assert f"      {gate_report_path(PATHS, 0, checkpoint).name} " in tree()
