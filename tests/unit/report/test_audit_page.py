"""The page of a stimulus set says what its table says, and shows the stimuli to look at."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.stimuli import STIMULUS_AUDIT, STIMULUS_IMAGES
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import read_table, write_table
from closedloop.report.audit.page import AuditRecord, audit_page
from closedloop.report.layout import render
from closedloop.report.pages import write_report


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory, build_study: Any) -> StudyPaths:
    paths: StudyPaths = build_study(tmp_path_factory.mktemp("audited") / "study", n_evaluated=0)
    return paths


@pytest.fixture
def record(synthesized: StudyPaths) -> AuditRecord:
    folder = synthesized.day(0).folder("synthesize")
    return AuditRecord(read_table(folder / "audit.parquet", STIMULUS_AUDIT), folder / "images.h5")


def page_of(record: AuditRecord) -> str:
    return render(audit_page(record, title="t", facts=(), command="c", simulated=True)).decode()


@pytest.fixture(scope="module")
def page(synthesized: StudyPaths) -> str:
    folder = synthesized.day(0).folder("synthesize")
    return page_of(AuditRecord(read_table(folder / "audit.parquet", STIMULUS_AUDIT), folder / "images.h5"))


def test_each_size_has_the_means_of_its_stimuli(page: str) -> None:
    for row in (
        (
            "attacked, ε = 1",
            "2",
            "0.9945 [0.9990]",
            "0.750",
            "0.562",
            "75.0 % [75.0 %]",
            "150",
            "3",
            "0.0",
            "0.0 %",
            "0.0 %",
        ),
        (
            "attacked, ε = 10",
            "3",
            "9.9630 [9.9990]",
            "2.000",
            "2.000",
            "98.4 % [98.0 %]",  # of 2, 2 and 2.1: the last image went further on whole levels than the float search
            "1,600",
            "13",
            "2.3",
            "0.7 %",
            "1.7 %",
        ),
        ("gaussian, ε = 10", "1", "9.9800 [9.9800]", "–", "–", "–", "1,800", "14", "0.0", "0.0 %", "0.0 %"),
    ):
        first, *rest = row
        cells = f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)
        assert cells in page, row


def test_what_is_inside_the_budget_does_not_read_as_all_of_it(record: AuditRecord) -> None:
    record.columns["realised_epsilon"] = record.columns["epsilon"] * 0.9999999
    assert "99.999 %" in page_of(record)


def test_the_extremes_are_the_stimuli_in_which_most_else_changed(page: str) -> None:
    extremes = page.split('id="extremes"')[1]
    captions = re.findall(r"<figcaption><b>(.*?) · ", extremes)
    # The largest shift of brightness, of contrast, the most clipped, the largest rounding loss.
    assert captions == ["disc_dots_3", "disc_dots_4", "disc_dots_2", "disc_dots_0"]


def test_pictures_are_the_bytes_and_their_difference_twenty_times(page: str, record: AuditRecord) -> None:
    shown = page.split('id="epsilon-1"')[1]
    found = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
        for content in re.findall(r"data:image/png;base64,([^\"]+)", shown)[:3]
    ]
    images = read_arrays(record.images, STIMULUS_IMAGES)["images"].astype(int)
    assert np.array_equal(found[0], images[0])
    assert np.array_equal(found[1], images[6])
    assert np.array_equal(found[2], np.clip(128 + 20 * (images[6] - images[0]), 0, 255))


def test_a_stimulus_beyond_its_budget_is_an_alarm(page: str, record: AuditRecord) -> None:
    assert "beyond their budget" not in page
    record.columns["realised_epsilon"] = record.columns["realised_epsilon"] * 1.008
    assert "4 stimuli are beyond their budget: do not show them." in page_of(record)


def test_a_days_page_leads_to_its_stimuli_and_one_without_an_audit_does_not(tmp_path: Path, build_study: Any) -> None:
    paths: StudyPaths = build_study(tmp_path / "study", n_evaluated=0)
    table, stimuli = paths.day(0).folder("synthesize") / "audit.parquet", paths.report / "day-00-stimuli.html"
    table.rename(tmp_path / "aside")  # as a study of version 0.1 has it
    write_report(paths)
    assert stimuli.name not in (paths.report / "day-00.html").read_text()
    assert not stimuli.exists()
    (tmp_path / "aside").rename(table)
    write_report(paths)
    assert f'href="{stimuli.name}"' in (paths.report / "day-00.html").read_text()
    assert "stimuli of day 0" in stimuli.read_text()


def test_a_set_of_controls_alone_has_a_page(record: AuditRecord, tmp_path: Path) -> None:
    controls = {name: column[5:] for name, column in record.columns.items()}
    write_table(tmp_path / "audit.parquet", STIMULUS_AUDIT, controls, simulated=True)
    alone = page_of(AuditRecord(read_table(tmp_path / "audit.parquet", STIMULUS_AUDIT), record.images))
    assert "gaussian, ε = 10" in alone
    assert 'id="epsilon-10"' not in alone
