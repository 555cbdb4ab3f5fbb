"""A day's stimuli and responses, as later stages read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, RESPONSES, SiteTable
from closedloop.artifacts.day.stimuli import STIMULI, STIMULUS_IMAGES
from closedloop.artifacts.day_responses import read_day_responses
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import read_table, write_table
from closedloop.errors import DocumentError
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns, write_responses, write_stimuli
from tests.unit.messages import refused

ROWS = [
    stimulus("clean", "clean", 0),
    stimulus("clean", "anchor", 1),
    stimulus("attacked", "anchor", 1, site_index=0, epsilon=2.5),
    stimulus("attacked", "anchor", 1, site_index=1, epsilon=10.0),
    stimulus("gaussian", "anchor", 1, epsilon=10.0),
]


def test_rows_are_found_by_what_stands_in_their_columns() -> None:
    stimuli = StimulusSet(stimulus_columns(ROWS), pixels(len(ROWS)))
    assert stimuli.rows(kind="clean").tolist() == [0, 1]
    assert stimuli.rows(kind="clean", role="anchor").tolist() == [1]
    assert stimuli.rows(kind=("attacked", "gaussian"), epsilon=10.0).tolist() == [3, 4]
    assert stimuli.rows(kind="linear").tolist() == []
    assert stimuli.rows().tolist() == [0, 1, 2, 3, 4]


def test_a_stimulus_set_is_read_from_table_and_images(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 2, ROWS)
    stimuli = read_stimulus_set(reader_of(paths), 2)
    np.testing.assert_array_equal(stimuli.images, pixels(len(ROWS)))
    for name, expected in stimulus_columns(ROWS).items():
        np.testing.assert_array_equal(stimuli.columns[name], expected)


@pytest.mark.parametrize("name", ["stimuli.parquet", "images.h5"])
def test_a_set_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 0, ROWS)
    (paths.day(0).folder("synthesize") / name).unlink()
    with refused(DocumentError, paths.day(0).folder("synthesize") / name):
        read_stimulus_set(reader_of(paths), 0)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (pixels(4), "expected 5 square images of three colours in images.h5, found shape (4, "),
        (pixels(5)[:, :2], "found shape (5, 2, "),
        (pixels(5)[..., :1], "square images of three colours"),
        (pixels(5)[:0], "found shape (0, "),
    ],
)
def test_images_of_another_number_or_shape_than_the_table_s_are_refused(
    tmp_path: Path, images: NDArray[np.uint8], said: str
) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 0, ROWS)
    write_arrays(paths.day(0).folder("synthesize") / "images.h5", STIMULUS_IMAGES, {"images": images}, simulated=True)
    with refused(DocumentError, "day-00/synthesize:", said, "Restore the files of one synthesize."):
        read_stimulus_set(reader_of(paths), 0)


@pytest.mark.parametrize(("column", "value"), [("clean_index", 5), ("clean_index", -1), ("image_index", 4)])
def test_a_row_that_names_an_image_that_is_not_there_is_refused(tmp_path: Path, column: str, value: int) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 0, ROWS)
    columns = stimulus_columns(ROWS)
    columns[column][2] = value
    write_table(paths.day(0).folder("synthesize") / "stimuli.parquet", STIMULI, columns, simulated=True)
    with refused(DocumentError, "day-00/synthesize:", column, "stimuli.parquet"):
        read_stimulus_set(reader_of(paths), 0)


INDEX_OF = {3: 1, 5: None, 7: 0, 9: 2}


def ingested(root: Path, *, electrodes: tuple[int, ...]) -> StudyPaths:
    """Two presentations; electrode e counts e spikes in the first one, and the second one is unusable."""
    paths = StudyPaths(root)
    write_stimuli(paths, 1, ROWS)
    missing = [electrode for electrode in INDEX_OF if electrode not in electrodes]
    write_responses(
        paths,
        1,
        image_index=[3, 0],
        counts=np.array([electrodes, np.full(len(electrodes), np.nan)], dtype=float),
        index_of={electrode: INDEX_OF[electrode] for electrode in (*electrodes, *missing)},
    )
    return paths


def test_responses_are_rates_of_the_chosen_sites_in_the_order_of_the_models_outputs(tmp_path: Path) -> None:
    day = read_day_responses(reader_of(ingested(tmp_path, electrodes=(5, 9, 3, 7))), 1, window_s=0.1)
    assert [site.electrode_id for site in day.sites] == [7, 3, 9]
    np.testing.assert_allclose(day.rates_hz, [[70, 30, 90], [np.nan] * 3])
    assert day.image_index.tolist() == [3, 0]
    assert day.n_images == len(ROWS)


def test_a_chosen_site_that_was_not_recorded_is_unknown_not_zero(tmp_path: Path) -> None:
    day = read_day_responses(reader_of(ingested(tmp_path, electrodes=(5, 9, 3))), 1, window_s=0.1)
    np.testing.assert_allclose(day.rates_hz, [[np.nan, 30, 90], [np.nan] * 3])


def test_counts_of_other_electrodes_than_the_site_table_are_refused(tmp_path: Path) -> None:
    paths = ingested(tmp_path, electrodes=(5, 9, 3, 7))
    folder = paths.day(1).folder("ingest")
    site_table(1, index_of={3: 1, 5: None, 7: 0, 9: 2}).write(folder / "sites.json")
    with refused(DocumentError, "day-01/ingest:", "found others"):
        read_day_responses(reader_of(paths), 1, window_s=0.1)


def test_counts_of_another_number_of_presentations_are_refused(tmp_path: Path) -> None:
    paths = ingested(tmp_path, electrodes=(5, 9))
    counts = {"counts": np.ones((3, 2)), "electrode_id": np.array([5, 9])}
    write_arrays(paths.day(1).folder("ingest") / "responses.h5", RESPONSE_COUNTS, counts, simulated=True)
    with refused(
        DocumentError, "day-01/ingest:", "counts of (2, 2) presentations and electrodes", "found shape (3, 2)"
    ):
        read_day_responses(reader_of(paths), 1, window_s=0.1)


def test_a_presentation_of_an_image_that_is_not_there_is_refused(tmp_path: Path) -> None:
    paths = ingested(tmp_path, electrodes=(5, 9))
    path = paths.day(1).folder("ingest") / "responses.parquet"
    columns = read_table(path, RESPONSES)
    write_table(path, RESPONSES, columns | {"image_index": np.array([3, 5])}, simulated=True)
    with refused(DocumentError, "day-01/ingest:", "image_index of responses.parquet from 0 to 4, found 5"):
        read_day_responses(reader_of(paths), 1, window_s=0.1)


def test_two_processors_that_both_number_from_1_are_told_apart_by_name(tmp_path: Path) -> None:
    paths = ingested(tmp_path, electrodes=(5, 7))
    folder = paths.day(1).folder("ingest")
    first, second = (site_table(1, index_of={7: index}).sites[0] for index in (1, 0))
    second = second.model_copy(update={"neuroid_id": "array2-007", "processor": 2})
    SiteTable(simulated=True, day=1, sites=(first, second)).write(folder / "sites.json")
    counts = {"counts": np.array([[5.0, np.nan], [1.0, 2.0]]), "electrode_id": np.array([7, 7])}
    write_arrays(folder / "responses.h5", RESPONSE_COUNTS, counts, simulated=True)
    day = read_day_responses(reader_of(paths), 1, window_s=0.1)
    assert [site.neuroid_id for site in day.sites] == ["array2-007", "array1-007"]
    np.testing.assert_allclose(day.rates_hz, [[np.nan, 50], [20, 10]])
