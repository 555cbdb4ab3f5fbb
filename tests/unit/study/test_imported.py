"""What of responses recorded elsewhere is taken into a study, and what is refused, in a line and with nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from closedloop.artifacts.amended.imported import is_imported
from closedloop.artifacts.amended.words import told
from closedloop.artifacts.catalog import IMPORTED_IMAGES, IMPORTED_RATES, IMPORTED_RESPONSES
from closedloop.artifacts.imported.documents import ImportedResponses
from closedloop.artifacts.imported.laboratory import DatasetNames
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.blackrock.arrays import MappedElectrode
from closedloop.errors import ClosedLoopError, RecordingError, StudyError
from closedloop.stages.imported.responses import as_responses, sites_of_imported
from closedloop.stages.imported.taken import ImportRequest
from closedloop.study.amending.imported import import_responses
from closedloop.study.create import Request, create_study
from closedloop.study.inputs import refuse_other_imports
from tests.loop.studies import PROTOCOL

torch.set_num_threads(1)
N_IMAGES, SITES = 12, ["array1-003", "array1-001", "array1-017"]
GENERATOR = np.random.default_rng(5)
PICTURES = GENERATOR.integers(0, 256, (N_IMAGES, 32, 32, 3), dtype=np.uint8)
TRIALS = GENERATOR.normal(30, 8, (N_IMAGES, 1, 3)) + GENERATOR.normal(0, 2, (N_IMAGES, 4, 3))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    root = tmp_path_factory.mktemp("imported") / "study"
    return create_study(Request(root=root, subject="m", simulated=True, protocol=str(PROTOCOL)))


def write(
    path: Path, *, rates: Any = TRIALS, images: Any = PICTURES, sites: Any = SITES, simulated: bool = False
) -> Path:
    with h5py.File(path, "w") as file:
        file.update({"rates": rates, "images": images, "neuroids": sites})
        if simulated:
            file.attrs["simulated"] = True
    return path


def take(paths: StudyPaths, file: Path, **options: Any) -> ImportedResponses:
    study, protocol = StudyDocument.read(paths.study), read_protocol(paths.protocol)
    request = ImportRequest(file, DatasetNames(), **options)
    import_responses(paths, study, protocol, request, by="ada", why="last year", progress=lambda _done, _total: None)
    return IMPORTED_RESPONSES.read(IMPORTED_RESPONSES.published(paths, 0))


def test_trials_are_kept_with_what_they_say_of_noise(paths: StudyPaths, tmp_path: Path) -> None:
    kept = take(paths, write(tmp_path / "a.h5"))
    assert (kept.n_images, kept.n_presentations, kept.are_averages) == (N_IMAGES, 4 * N_IMAGES, False)
    assert all(site.reliability is not None and site.reliability > 0.8 for site in kept.sites)
    mean = TRIALS.mean(axis=1)
    assert [site.sigma for site in kept.sites] == pytest.approx(mean.std(axis=0, ddof=1).tolist(), rel=0.05)
    rates, images = (file.read(file.published(paths, 0)) for file in (IMPORTED_RATES, IMPORTED_IMAGES))
    fitted = as_responses(rates, images)
    assert np.array_equal(fitted.images, PICTURES)
    assert np.allclose(fitted.responses.mean(axis=0), 0, atol=1e-5)
    assert np.corrcoef(fitted.responses[:, 1], mean[:, 1])[0, 1] == pytest.approx(1)
    assert set(fitted.weights.ravel().tolist()) == {4.0}
    assert is_imported(paths)


def test_of_averages_noise_and_reliability_are_unknown(paths: StudyPaths, tmp_path: Path) -> None:
    kept = take(paths, write(tmp_path / "a.h5", rates=TRIALS.mean(axis=1)))
    assert kept.are_averages
    assert [site.reliability for site in kept.sites] == [None] * 3


def test_sites_are_chosen_and_named_as_the_recorder_names_them(paths: StudyPaths, tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", rates=np.concatenate([TRIALS, TRIALS], axis=2), sites=[f"u{n}" for n in range(6)])
    (tmp_path / "map.csv").write_text("name,neuroid_id\nu5,array1-001\nu0,array1-002\nu3,array1-003\n")
    kept = take(paths, file, sites=("u5", "u0", "u3"), electrodes=tmp_path / "map.csv")
    assert [(site.site_index, site.name, site.neuroid_id) for site in kept.sites] == [
        (0, "u5", "array1-001"),
        (1, "u0", "array1-002"),
        (2, "u3", "array1-003"),
    ]


def test_what_is_missing_is_counted(paths: StudyPaths, tmp_path: Path) -> None:
    trials = TRIALS.copy()
    trials[0, 1], trials[3:5, 2, 0] = np.nan, np.nan
    kept = take(paths, write(tmp_path / "a.h5", rates=trials))
    assert kept.mapping["missing"] == ("5 of 144 responses (NaN or empty), of 3 of 3 sites, most of array1-003: 3")
    rates, images = (file.read(file.published(paths, 0)) for file in (IMPORTED_RATES, IMPORTED_IMAGES))
    assert np.isfinite(as_responses(rates, images).responses).all()


def test_importing_again_says_what_is_replaced(paths: StudyPaths, tmp_path: Path) -> None:
    take(paths, write(tmp_path / "first.h5"))
    take(paths, write(tmp_path / "second.h5", rates=TRIALS + 1))
    earlier, last = told(read_amendments(paths.amendments))[-2:]
    assert earlier.words.endswith(f"(no longer: line {last.number} replaced them)")
    assert "from second.h5, recorded elsewhere in place of those from first.h5: " in last.words
    assert "no longer" not in last.words


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        ({"rates": TRIALS[..., :2], "sites": SITES[:2]}, {}, "expected 3 sites, as sites.n_sites of the protocol has"),
        ({"images": PICTURES[:, :16, :16]}, {}, "expected pictures of 32 x 32, as the protocol has, found 16 x 16"),
        ({"images": [f"{n}.png" for n in range(N_IMAGES)]}, {}, "expected a picture of '0.png' in"),
        ({"sites": ["a", "a", "b"]}, {}, "expected a name of its own for each site, found a twice"),
        ({"rates": TRIALS * [1, 0, 1]}, {}, "expected responses of site array1-001 that differ among images"),
        ({"rates": np.broadcast_to([1.0, 2.0, 3.0, 4.0], (3, N_IMAGES, 4)).transpose(1, 2, 0)}, {}, ", ".join(SITES)),
        ({"rates": TRIALS * [1, 1e200, 1]}, {}, "by an SD from 1e-12 to 1e+12, found an SD of"),
        ({"rates": TRIALS * [1e-200, 1, 1]}, {}, "expected responses of site array1-003 that differ among images"),
        ({"rates": 1e13 + TRIALS * [1, 1, 1e4]}, {}, "expected responses of sites array1-003, array1-001"),
        ({"rates": TRIALS * [1, np.nan, 1]}, {}, "expected responses of site array1-001 that differ among images"),
        ({"rates": TRIALS * [1, np.inf, 1]}, {}, "expected finite responses"),
        ({"rates": TRIALS[:5], "images": PICTURES[:5]}, {}, "expected responses to at least 10 images, found 5"),
        ({}, {"sites": ("x",)}, "--sites: expected some of 3 sites"),
        ({"sites": ["u1", "u2", "u3"]}, {}, "expected electrodes as recordings name them (array1-017), found 'u1'"),
    ],
)
def test_what_no_model_can_begin_with_is_refused(
    what: dict[str, Any], options: dict[str, Any], said: str, paths: StudyPaths, tmp_path: Path
) -> None:
    before = paths.amendments.read_bytes() if paths.amendments.is_file() else b""
    with pytest.raises(ClosedLoopError) as raised:
        take(paths, write(tmp_path / "a.h5", **what), **options)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert (paths.amendments.read_bytes() if paths.amendments.is_file() else b"") == before


def pictures_in(folder: Path) -> Path:
    """Write the pictures as files, and return their folder."""
    folder.mkdir()
    for number, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("first", "said"),
    [("cats/0.png", "expected a picture of 'cats/0.png' in"), ("1", "expected a picture of its own for each image")],
)
def test_a_picture_is_no_other_images(first: str, said: str, paths: StudyPaths, tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "pictures")
    names = [first, *(f"{number}.png" for number in range(1, N_IMAGES))]
    with pytest.raises(ClosedLoopError) as raised:
        take(paths, write(tmp_path / "a.h5", images=names), image_folder=folder)
    assert said in str(raised.value)


def test_without_the_folder_or_with_other_responses_a_study_does_not_go_on(paths: StudyPaths, tmp_path: Path) -> None:
    take(paths, write(tmp_path / "other.h5", rates=TRIALS + 1))
    paths.imported.rename(tmp_path / "others")
    take(paths, write(tmp_path / "a.h5"))
    refuse_other_imports(paths)
    paths.imported.rename(tmp_path / "own")
    with pytest.raises(StudyError, match=r"imported from a\.h5, found none"):
        refuse_other_imports(paths)
    assert is_imported(paths)
    (tmp_path / "others").rename(paths.imported)
    with pytest.raises(StudyError, match=r"imported from a\.h5, found others"):
        refuse_other_imports(paths)
    paths.imported.rename(tmp_path / "others")
    (tmp_path / "own").rename(paths.imported)
    refuse_other_imports(paths)


def test_what_says_that_it_is_simulated_never_comes_into_a_real_study(paths: StudyPaths, tmp_path: Path) -> None:
    study = StudyDocument.read(paths.study).model_copy(update={"simulated": False})
    request = ImportRequest(write(tmp_path / "a.h5", simulated=True))
    with pytest.raises(ClosedLoopError, match="Simulated data never come into a real study"):
        import_responses(
            paths, study, read_protocol(paths.protocol), request, by=None, why="x", progress=lambda _d, _t: None
        )


def test_the_first_recording_must_have_the_imported_sites(paths: StudyPaths, tmp_path: Path) -> None:
    kept = take(paths, write(tmp_path / "a.h5"))
    electrodes = [MappedElectrode(f"array1-{n:03d}", "array1", 1, n, "", None, None) for n in range(1, 20)]
    chosen, said = sites_of_imported(kept, electrodes, folder=tmp_path)
    assert chosen == {name: number for number, name in enumerate(SITES)}
    assert "imported from a.h5" in said
    with pytest.raises(RecordingError, match="found none named array1-017 among"):
        sites_of_imported(kept, electrodes[:10], folder=tmp_path)
