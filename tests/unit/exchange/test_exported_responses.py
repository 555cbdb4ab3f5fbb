"""Exported responses are those of the study, in whatever format, marked where they must be."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import closedloop
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion
from closedloop.artifacts.commands.exported_responses import ExportedResponsesDocument
from closedloop.artifacts.imported.laboratory import DatasetNames
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import DocumentError, OptionError, StorageError, StudyError
from closedloop.exchange.brain_score.assembly import assembly_of, bin_edges_ms
from closedloop.exchange.brain_score.export import export_assembly
from closedloop.exchange.reading.any_file import read_responses_file
from closedloop.exchange.responses.export import export_responses
from closedloop.exchange.responses.gathered import gather_responses
from closedloop.exchange.responses.places import ResponsesFiles, refuse_other_study, responses_files
from tests.unit.access.studies import COUNTS, ELECTRODES, MISSING_ON_DAY_1, REJECTED, SITES, Made, make_study
from tests.unit.access.test_counted import decide

FORMATS = ("parquet", "csv", "netcdf")


def write(folder: Path, study: Path, wanted: str, *, day: int | None = None) -> ResponsesFiles:
    files = responses_files(folder, wanted)
    export_responses(closedloop.open_study(study), files, day=day)
    return files


def read(files: ResponsesFiles) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what another library reads: presentations, and responses with a column a site."""
    if files.format == "netcdf":
        with xr.open_dataset(files.responses) as found:
            names = [name for name, one in found.variables.items() if one.dims == ("presentation",)]
            return found[names].to_dataframe(), found["responses"].to_pandas()
    if files.format == "parquet":
        table = pd.read_parquet(files.responses)
    else:
        table = pd.read_csv(files.responses, keep_default_na=False, na_values=[""])
    return table, table[list(ExportedResponsesDocument.read(files.document).sites)]


@pytest.mark.parametrize("wanted", FORMATS)
def test_every_format_has_the_counts_of_the_study_exactly(tmp_path: Path, wanted: str) -> None:
    shown, responses = read(write(tmp_path / "out", make_study(tmp_path / "study"), wanted))
    assert shown["day"].tolist() == [0] * 4 + [1] * 4
    first = responses[shown["day"].to_numpy() == 0]
    assert set(responses.columns) == set(ELECTRODES)
    assert list(responses.columns)[:3] == list(SITES)  # the model's outputs first
    np.testing.assert_array_equal(first[list(ELECTRODES)].to_numpy(), COUNTS)
    assert responses.loc[shown["day"].to_numpy() == 1, MISSING_ON_DAY_1].isna().all()
    assert shown["used"].astype(bool).tolist() == [ordinal != REJECTED for ordinal in range(4)] * 2
    assert "rejected by the rig" in str(shown["reason"].iloc[REJECTED])
    assert shown["kind"].tolist() == ["clean", "attacked", "attacked", "clean"] * 2
    assert shown["epsilon"].iloc[1] == 10.0


def test_simulated_responses_say_so_everywhere(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    files = {wanted: write(tmp_path / wanted, study, wanted) for wanted in FORMATS}
    with xr.open_dataset(files["netcdf"].responses) as found:
        assert found.attrs["simulated"] == 1
        assert found.attrs["title"].startswith("SIMULATED")
    assert pd.read_csv(files["csv"].responses)["simulated"].all()
    assert all(ExportedResponsesDocument.read(one.document).simulated for one in files.values())
    real = write(tmp_path / "real", make_study(tmp_path / "animal", simulated=False), "csv")
    assert "simulated" not in pd.read_csv(real.responses)
    assert ExportedResponsesDocument.read(real.document).simulated is False


def test_what_people_left_out_is_marked_and_still_there(tmp_path: Path) -> None:
    root = make_study(tmp_path / "study")
    decide(
        root,
        Exclusion(part="evaluation", thing="presentations", from_day=0, to_day=0, first=1, last=1),
        Exclusion(part="fit", thing="site", name=SITES[1], from_day=0),
    )
    files = write(tmp_path / "out", root, "parquet", day=0)
    shown, responses = read(files)
    assert shown["left_out"].tolist() == ["", "evaluation", "", ""]
    np.testing.assert_array_equal(responses[list(ELECTRODES)].to_numpy(), COUNTS)
    sites = pd.read_parquet(files.sites).set_index("neuroid_id")["left_out"]
    assert sites[SITES[1]] == "fit"
    assert (sites.drop(SITES[1]) == "").all()
    with xr.open_dataset(write(tmp_path / "arrays", root, "netcdf", day=0).responses) as found:
        assert found["left_out_of_evaluation"].sum(dim="site").values.tolist() == [0, len(ELECTRODES), 0, 0]
        assert bool(found["left_out_of_fit"].sel(site=SITES[1]).all())
        assert int(found["left_out_of_fit"].sum()) == 4
    assert len(ExportedResponsesDocument.read(files.document).sessions[0].left_out) == 2


@pytest.mark.parametrize("wanted", FORMATS)
def test_made_again_the_files_have_the_same_bytes(tmp_path: Path, wanted: str) -> None:
    study = make_study(tmp_path / "study")
    files = write(tmp_path / "out", study, wanted)
    before = {path.name: path.read_bytes() for path in files.all}
    again = write(tmp_path / "out", study, wanted)
    assert {path.name: path.read_bytes() for path in again.all} == before


def test_each_column_is_described_beside_the_table(tmp_path: Path) -> None:
    files = write(tmp_path / "out", make_study(tmp_path / "study"), "csv")
    document = ExportedResponsesDocument.read(files.document)
    columns = [*document.columns, *document.sites, "simulated"]
    assert pd.read_csv(files.responses).columns.tolist() == columns
    assert files.sites is not None
    assert pd.read_csv(files.sites).columns.tolist() == [*document.site_columns, "simulated"]
    assert all(one.meaning for one in document.columns.values())


def test_nothing_else_is_written_over(tmp_path: Path) -> None:
    study = closedloop.open_study(make_study(tmp_path / "study"))
    (tmp_path / "mine.csv").write_text("a,b\n")
    with pytest.raises(StorageError, match="expected no file, or an earlier export"):
        responses_files(tmp_path / "mine.csv", None)
    with pytest.raises(OptionError, match="expected csv, as the name"):
        responses_files(tmp_path / "other.csv", "netcdf")
    with pytest.raises(OptionError, match="expected parquet or csv or netcdf"):
        responses_files(tmp_path / "other", "xlsx")
    with pytest.raises(StudyError, match="expected a day whose responses are there \\(0, 1\\), found day 2"):
        export_responses(study, responses_files(tmp_path / "new.csv", None), day=2)
    assert not (tmp_path / "new.csv").exists()
    assert (tmp_path / "mine.csv").read_text() == "a,b\n"


def test_bins_fill_the_window_whatever_it_is() -> None:
    for start, stop in ((70.0, 170.0), (65.0, 172.0), (0.0, 5.0)):
        edges = bin_edges_ms((start, stop))
        assert {start, stop} <= set(edges)
        assert edges[0] >= -100.0
        assert edges[-1] == stop
        assert max(np.diff(edges)) <= 10.0
        assert min(np.diff(edges)) > 0


def test_an_export_of_another_study_is_not_written_over(tmp_path: Path) -> None:
    files = write(tmp_path / "out", make_study(tmp_path / "study"), "csv")
    before = ExportedResponsesDocument.read(files.document).study.study_id
    refuse_other_study(files, study_id=before)
    with pytest.raises(StorageError, match="expected no file or an earlier export of this study, found one of"):
        refuse_other_study(files, study_id="another")


def test_a_table_that_was_changed_since_it_was_exported_is_told(tmp_path: Path) -> None:
    files = write(tmp_path / "out", make_study(tmp_path / "study"), "csv")
    assert read_responses_file(files.responses, names=DatasetNames()).notices == ()
    lines = files.responses.read_text().splitlines(keepends=True)
    files.responses.write_text("".join(lines[:-1]))
    (notice,) = read_responses_file(files.responses, names=DatasetNames()).notices
    assert notice.startswith("responses.csv is not as it was exported")
    files.document.unlink()
    with pytest.raises(DocumentError, match=r"expected responses\.csv\.json beside what `closedloop export responses`"):
        read_responses_file(files.responses, names=DatasetNames())


def assembly(study: Path) -> xr.Dataset:
    content, _, _ = assembly_of(gather_responses(closedloop.open_study(study)), attributes={})
    return xr.load_dataset(io.BytesIO(content), engine="h5netcdf")


def test_a_site_that_people_left_out_is_marked_in_the_assembly(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    assert "neuroid_left_out" not in assembly(study)
    decide(study, Exclusion(part="fit", thing="site", name=SITES[1], from_day=1))
    found = assembly(study)
    marks = dict(zip(found["neuroid_id"].values.tolist(), found["neuroid_left_out"].values.tolist(), strict=True))
    assert marks == {name: "day 1, session 1: fit" if name == SITES[1] else "" for name in SITES}


def test_a_day_of_which_nothing_counts_makes_no_assembly(tmp_path: Path) -> None:
    root = make_study(tmp_path / "study")
    made = Made(StudyPaths(root), 0, simulated=True)
    table = catalog.RESPONSES.read(made.path(catalog.RESPONSES))
    made.write(catalog.RESPONSES, table | {"used": np.zeros_like(table["used"])})
    made.publish("ingest")
    with pytest.raises(StudyError, match="expected presentations that count, found none among 4"):
        export_assembly(closedloop.open_study(root), tmp_path / "out", day=0, progress=lambda _done, _total: None)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]
