"""Tables as laboratories have them, with more in them than images and sites: none of it is taken for a site."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from closedloop.artifacts.imported.laboratory import DatasetNames
from closedloop.errors import DocumentError, OptionError
from closedloop.exchange.reading.any_file import read_responses_file
from closedloop.exchange.reading.responses import FileResponses

RANDOM = np.random.default_rng(0)
N = 12
RATES = RANDOM.poisson(5, (N, 2)).astype(float)
SHOWN = pd.DataFrame(
    {
        "image": [f"im{place % 3}" for place in range(N)],
        "repetition": np.arange(N) // 3 % 2,
        "Day": np.arange(N) // 6,
        "category": [("dog", "car", "dog")[place % 3] for place in range(N)],
        "fixation": np.where(np.arange(N) == 7, 0, 1),
    }
)


def read(path: Path, **options: tuple[float, float]) -> FileResponses:
    return read_responses_file(path, names=DatasetNames(), **options)


def expect_all_told(found: FileResponses) -> None:
    kept = np.arange(N) != 7
    assert found.sites == ("a", "b")
    np.testing.assert_array_equal(found.rates, RATES[kept])
    assert (found.recordings, found.recording.tolist()) == (("day 0", "day 1"), (np.arange(N) // 6)[kept].tolist())
    assert dict(zip(found.images, found.category, strict=True)) == {"im0": "dog", "im1": "car", "im2": "dog"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_a_wide_table_says_of_presentations_is_no_site(suffix: str, tmp_path: Path) -> None:
    table, path = SHOWN.assign(a=RATES[:, 0], b=RATES[:, 1]), tmp_path / f"t.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    expect_all_told(read(path))


def test_what_a_long_table_says_of_presentations_is_taken_from_its_rows(tmp_path: Path) -> None:
    parts = [SHOWN.assign(site=name, response=RATES[:, place]) for place, name in enumerate("ab")]
    pd.concat(parts).to_csv(tmp_path / "t.csv", index=False)
    expect_all_told(read(tmp_path / "t.csv"))
    (tmp_path / "two.csv").write_text("image,site,used,response\nx,a,1,3\nx,b,0,4\n")
    with pytest.raises(DocumentError, match=r"line 3: expected one used for all sites' responses .* of x, found '0'"):
        read(tmp_path / "two.csv")


def test_the_labels_of_rows_that_pandas_keeps_are_no_site(tmp_path: Path) -> None:
    table = SHOWN.assign(a=RATES[:, 0], b=RATES[:, 1])
    table[table["a"] >= 0].sort_values("a").to_parquet(tmp_path / "t.parquet")  # an index that is no range
    assert read(tmp_path / "t.parquet").sites == ("a", "b")


@pytest.mark.parametrize(
    ("word", "n"), [("1", 3), ("TRUE", 3), ("0", 2), ("False", 2), ("", 2), ("nan", 2), ("0.0", 2)]
)
def test_a_presentation_counts_where_the_table_says_so(word: str, n: int, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"image,accepted,a\nx,1,1\ny,{word},2\nz,1,3\n")
    assert len(read(tmp_path / "t.csv").rates) == n
    (tmp_path / "t.csv").write_text("image,accepted,a\nx,1,1\ny,perhaps,2\nz,1,3\n")
    with pytest.raises(DocumentError, match=r"expected accepted of each presentation to be 1 or 0, .* found perhaps"):
        read(tmp_path / "t.csv")


def test_a_missing_category_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,category,a\nx,dog,1\ny,,2\nz,nan,3\nw,none,3\n")
    assert read(tmp_path / "t.csv").category == ("dog", "", "", "")


def test_numbers_of_images_that_tell_none_apart_are_not_taken_for_such(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["responses"], file["neuroid_id"] = RATES, ["a", "b"]
        file["images"] = SHOWN["image"].to_list()
        file["image_index"] = np.ones(N, dtype=int)
    found = read(tmp_path / "t.h5")
    assert found.number.tolist() == [0, 1, 2] * 4


def test_a_window_is_refused_where_the_file_has_one_response(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,a\nx,1\ny,2\n")
    with pytest.raises(OptionError, match=r"--window 0,100: expected a file with spikes or time bins, found one resp"):
        read(tmp_path / "t.csv", window_ms=(0.0, 100.0))


def test_columns_that_semicolons_separate_are_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image;repetition;a\nx;1;1,5\n", encoding="utf-8-sig")
    with pytest.raises(DocumentError, match="expected columns that commas separate, found semicolons"):
        read(tmp_path / "t.csv")


def test_a_stimulus_set_beside_the_file_without_categories_is_passed_over_and_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,a\nx,1\ny,2\n")
    (tmp_path / "stimulus_set.csv").write_text("stimulus_id,filename\nx,x.png\n")
    found = read(tmp_path / "t.csv")
    assert found.category == ("", "")
    (notice,) = found.notices
    assert notice.startswith("stimulus_set.csv beside the file was passed over: expected a column of names")


def test_a_column_that_is_hardly_a_site_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,trial_index,a\nx,1,1\ny,2,2\n")
    found = read(tmp_path / "t.csv")
    assert found.sites == ("trial_index", "a")
    assert found.notices == ("trial_index: taken for sites, by their place in the table. Take out what is none.",)


def test_what_is_said_of_images_or_of_their_repetitions_counts_for_presentations(tmp_path: Path) -> None:
    rates = RANDOM.poisson(5, (5, 3, 2)).astype(float)
    used = np.ones((5, 3), dtype=int)
    used[1, 2] = used[4, 0] = 0
    for name, of_file in (("a.h5", used), ("b.h5", used.T)):
        with h5py.File(tmp_path / name, "w") as file:
            file["responses"], file["neuroid_id"] = rates, ["a", "b"]
            file["images"], file["category"] = [f"im{place}" for place in range(5)], ["dog", "car", "dog", "car", "dog"]
            file["used"] = of_file
        found = read(tmp_path / name)
        np.testing.assert_array_equal(found.rates, rates.reshape(-1, 2)[used.reshape(-1) == 1])
        assert found.category == ("dog", "car", "dog", "car", "dog")


def test_repetitions_that_nobody_numbered_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,a\nx,1\nx,2\n")
    with pytest.raises(
        DocumentError, match=r"line 3: expected one line for each image.* found x again. Add the column"
    ):
        read(tmp_path / "t.csv")
