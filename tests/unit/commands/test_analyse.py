"""`closedloop analyse` and `closedloop export` as a person types them: what they say, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import DocumentError, OptionError, StorageError, StudyError

RUNNER = CliRunner()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twenty images, shown three times to two sites."""
    random, path = np.random.default_rng(0), tmp_path / "session.csv"
    true = random.normal(20, 5, (20, 2))
    rows = ["image,repetition,a,b"]
    for repetition in range(3):
        for image, rates in enumerate(true):
            a, b = (rates + random.normal(0, 2, 2)).round(3)
            rows.append(f"im{image:02d},{repetition},{a},{b}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_table_is_analysed_without_a_study(table: Path, tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["analyse", str(table), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "Responses of 2 sites to 20 clean images (table)." in done.output
    assert "The file does not say in which unit its responses are" in done.output
    assert "No image's category is known" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"index.html", "settings.json", "sites.csv"}
    page = (tmp_path / "out" / "index.html").read_text()
    assert "closedloop analyse session.csv --out FOLDER" in page
    assert "http" not in page.split("<body")[1].replace("http://www.w3.org", "")  # it asks nobody for anything


def test_categories_that_are_no_longer_given_leave_no_table(table: Path, tmp_path: Path) -> None:
    categories = tmp_path / "categories.csv"
    categories.write_text("image,category\n" + "".join(f"im{n:02d},{'xy'[n % 2]}\n" for n in range(20)))
    out = ["--out", str(tmp_path / "out")]
    done = RUNNER.invoke(app, ["analyse", str(table), "--stimuli", str(categories), *out])
    assert done.exit_code == 0, done.output
    assert "cross-validated, mean over sites, 2 categories" in done.output
    assert (tmp_path / "out" / "preferences.csv").is_file()
    assert RUNNER.invoke(app, ["analyse", str(table), *out]).exit_code == 0
    assert not (tmp_path / "out" / "preferences.csv").exists()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (["--window", "170,70"], OptionError, "--window 170,70: expected START,END"),
        (["--base-model", "small_resnet_robust"], OptionError, "expected pictures beside it, found none"),
        (["--responses", "rates"], DocumentError, "expected names of datasets of an HDF5 file alone, found a table"),
        (["--out", "no/such/folder"], StorageError, "expected a name in a folder that is there"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    table: Path, tmp_path: Path, options: list[str], error: type[Exception], said: str
) -> None:
    out = [] if "--out" in options else ["--out", str(tmp_path / "out")]
    done = RUNNER.invoke(app, ["analyse", str(table), *out, *options])
    assert isinstance(done.exception, error)
    assert said in str(done.exception)
    assert not (tmp_path / "out" / "index.html").exists()


def test_an_export_of_no_study_is_refused(tmp_path: Path) -> None:
    for name in ("responses", "brainscore"):
        done = RUNNER.invoke(app, ["export", name, str(tmp_path), "--out", str(tmp_path / "out")])
        assert isinstance(done.exception, StudyError)
        assert "expected a study" in str(done.exception)
    assert not (tmp_path / "out").exists()
