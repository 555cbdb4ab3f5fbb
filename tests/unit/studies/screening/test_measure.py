"""A small screening end to end: what ranks where, what is resumed, and what a laboratory's files give."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns, read_table
from closedloop.errors import DocumentError, ImageError, StudyError
from closedloop.execution.workers import HERE, Workers
from closedloop.studies.screening.asked import ScreenedNetwork
from closedloop.studies.screening.documents import SCREENING_CELLS, SCREENING_NETWORKS, TRANSFER_IMAGES
from closedloop.studies.screening.measure import Screening, screen
from closedloop.studies.screening.responses import (
    ImageResponses,
    complete_responses,
    simulated_responses,
    table_responses,
)
from closedloop.studies.screening.settings import ScreeningFiles, ScreeningSettings
from closedloop.studies.screening.shards import LayerLikenessShard, leave_likeness, read_likeness
from closedloop.studies.screening.systems import cells_of
from closedloop.studies.screening.transfer import complete_squares
from closedloop.studies.simulated_subject import StudySubject

NETWORKS = (
    ScreenedNetwork("vanilla", "small_resnet_vanilla", ("layer3.0",), None, 0.0),
    ScreenedNetwork("robust", "small_resnet_robust", ("layer3.0", "fc"), None, 2.0),
)
SETTINGS = ScreeningSettings(n_clean=120, n_folds=3, n_halvings=6, n_attacked=8, repetitions=20)
SCREENING = Screening(NETWORKS, None, None, None, StudySubject("simulated", 2022, n_sites=8), SETTINGS)


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screening")
    screen(SCREENING, folder)
    return folder


def rows_of(table: Columns, **values: object) -> list[dict[str, object]]:
    columns = {name: column.tolist() for name, column in table.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def test_trained_networks_rank_above_a_random_one_and_the_pixels_by_clean_images(screened: Path) -> None:
    table = read_table(ScreeningFiles(screened).networks, SCREENING_NETWORKS)
    for criterion in ("cka", "ridge"):
        order = [row["network"] for row in rows_of(table, criterion=criterion)]
        assert set(order[:2]) == {"robust", "vanilla"}
        (second,) = rows_of(table, criterion=criterion, rank=2)
        assert second["difference_low"] > 0


def test_every_cell_has_a_row_a_criterion_and_one_is_the_best(screened: Path) -> None:
    table = read_table(ScreeningFiles(screened).cells, SCREENING_CELLS)
    for criterion, epsilon in (("cka", 0.0), ("ridge", 0.0), ("pls", 0.0), ("transfer", 10.0)):
        rows = rows_of(table, criterion=criterion, epsilon=epsilon)
        named = [(row["network"], row["layer"]) for row in rows]
        assert named == [
            *(("vanilla", "layer3.0"), ("robust", "layer3.0"), ("robust", "fc")),
            *(("untrained", "layer3.0"), ("untrained", "fc"), ("pixels", "pixels")),
        ]
        (best,) = [row for row in rows if row["best"]]
        assert best["value"] == max(row["value"] for row in rows)
        assert best["alike_best"]
        assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_what_is_lost_is_made_again_with_the_same_bytes_by_other_workers(screened: Path) -> None:
    files = ScreeningFiles(screened)
    outputs = [files.settings, files.cells, files.networks, files.cells.with_suffix(".csv")]
    before = [path.read_bytes() for path in outputs]
    lost = sorted(files.shards.iterdir())[::3]
    shards = {path: path.read_bytes() for path in lost}
    for path in (*lost, *outputs):
        path.unlink()
    told: list[tuple[int, int]] = []
    screen(SCREENING, screened, workers=Workers("local", 2), progress=lambda done, total: told.append((done, total)))
    assert [path.read_bytes() for path in outputs] == before
    assert {path: path.read_bytes() for path in lost} == shards
    assert told[-1][0] == told[-1][1]
    assert 0 < told[0][0] < told[0][1]


def test_shuffled_responses_are_like_no_layer(tmp_path: Path) -> None:
    found = complete_responses(simulated_responses(SCREENING.subject, SETTINGS), SETTINGS).kept
    order = np.random.default_rng(0).permutation(found.n_images)
    shuffled = replace(found, pixels=found.pixels[order])
    (cell, *_) = cells_of(NETWORKS[1:], side_px=32, seed=0)

    def likeness(responses: ImageResponses, folder: Path) -> np.ndarray:
        shard = LayerLikenessShard(cell.source, responses, SETTINGS, "cpu", folder)
        leave_likeness(shard)
        likeness = read_likeness(shard)
        error = np.sqrt((((likeness.halves[:, 0] - likeness.halves[:, 1]) / 2) ** 2).mean(axis=0))
        return likeness.values / error

    assert (np.abs(likeness(shuffled, tmp_path)) < 3.7).all()  # Student's t with 6 degrees of freedom, 99 %
    assert (likeness(found, tmp_path) > 6).all()


def test_sites_and_images_without_two_repetitions_are_left_out_and_counted() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(60, 3))
    rates = np.concatenate([true, true]) + 0.1 * random.normal(size=(120, 3))
    rates[60:, 2] = np.nan  # a site that was lost before the second repetitions
    rates[3, 0] = np.nan  # and an image that has one repetition at another
    index = np.tile(np.arange(60), 2)
    pixels = np.zeros((60, 8, 8, 3), dtype=np.uint8)
    names = tuple(map(str, range(60)))
    found = ImageResponses(names, pixels, rates, index, ("a", "b", "c"), simulated=True, origin="here")
    complete = complete_responses(found, SETTINGS)
    assert (complete.n_sites_left_out, complete.n_images_left_out) == (1, 1)
    assert complete.kept.sites == ("a", "b")
    assert "3" not in complete.kept.names
    assert np.isfinite(complete.kept.means).all()
    with pytest.raises(StudyError, match="do not correlate"):
        complete_responses(replace(found, rates=np.concatenate([true, -true])), SETTINGS)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> tuple[Screening, Path]:
    """A table of the responses of a subject to a folder of images, and what a first screening of it left."""
    folder = tmp_path_factory.mktemp("laboratory")
    found = simulated_responses(SCREENING.subject, replace(SETTINGS, n_clean=60))
    with (folder / "responses.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "repetition", *found.sites))
        counts = np.zeros(60, dtype=int)
        for image, rates in zip(found.image_index, found.rates, strict=True):
            writer.writerow((f"images/{image}.png", counts[image], *rates))
            counts[image] += 1
    (folder / "images").mkdir()
    for place, pixels in enumerate(found.pixels):
        Image.fromarray(pixels).save(folder / "images" / f"{place}.png")
    settings = replace(SETTINGS, n_clean=60, n_halvings=3, n_attacked=4)
    asked = replace(SCREENING, networks=NETWORKS[1:], responses=folder / "responses.csv", settings=settings)
    document = screen(asked, folder / "out")
    assert (document.transfer, document.simulated) == ("not shown", False)
    return asked, folder / "out"


def test_a_laboratory_gets_the_images_to_show_and_no_transfer_before_they_were(
    laboratory: tuple[Screening, Path],
) -> None:
    files = ScreeningFiles(laboratory[1])
    table = read_table(files.stimulus_table, TRANSFER_IMAGES)
    assert len(table["image"]) == 4 * (1 + 2 + 2 + 1)  # clean, two layers of two networks, the pixels
    assert (table["realised_epsilon"][4:] <= 10).all()
    assert (table["realised_epsilon"][4:] > 9).all()
    for name in table["image"]:
        with Image.open(files.stimuli / name) as image:
            assert image.size == (32, 32)
    assert "transfer" not in read_table(files.cells, SCREENING_CELLS)["criterion"]


def transfer_table(folder: Path, images: list[str], *, sites: tuple[str, ...], change: dict[str, float]) -> Path:
    """Write responses without noise: 10, and more where a name begins with one of the changed."""
    path = folder / "transfer.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "repetition", *sites))
        for name in images:
            rate = 10 + sum(size for start, size in change.items() if name.startswith(start))
            writer.writerows((name, repetition, *[rate] * len(sites)) for repetition in (1, 2))
    return path


def test_a_laboratorys_transfer_is_the_change_that_its_table_says_in_sds(
    laboratory: tuple[Screening, Path], tmp_path: Path
) -> None:
    asked, out = laboratory
    files = ScreeningFiles(tmp_path / "out")
    shutil.copytree(out, files.folder)
    images = read_table(files.stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    found = simulated_responses(SCREENING.subject, asked.settings)
    table = transfer_table(tmp_path, images, sites=found.sites, change={"clean": 2.0, "robust_fc": 5.0})
    document = screen(replace(asked, transfer=table), files.folder, workers=HERE)
    assert document.transfer == "measured"
    rows = rows_of(read_table(files.cells, SCREENING_CELLS), criterion="transfer")
    by_layer = {(row["network"], row["layer"]): row["value"] for row in rows}
    assert by_layer["robust", "fc"] == pytest.approx(np.sqrt((9 / found.sigma**2).mean()), rel=1e-6)
    assert by_layer["robust", "layer3.0"] == pytest.approx(np.sqrt((4 / found.sigma**2).mean()), rel=1e-6)


def test_a_table_of_other_images_or_sites_is_refused(laboratory: tuple[Screening, Path], tmp_path: Path) -> None:
    asked, out = laboratory
    found = simulated_responses(SCREENING.subject, asked.settings)
    other = transfer_table(tmp_path, ["photograph.png"], sites=found.sites, change={})
    with pytest.raises(DocumentError, match=r"found photograph\.png"):
        screen(replace(asked, transfer=other), out)
    fewer = transfer_table(tmp_path, ["photograph.png"], sites=found.sites[1:], change={})
    with pytest.raises(DocumentError, match="a column for every site"):
        screen(replace(asked, transfer=fewer), out)


def test_images_of_other_options_take_the_place_of_the_former_ones_and_nobodys_else(
    laboratory: tuple[Screening, Path], tmp_path: Path
) -> None:
    asked, out = laboratory
    files = ScreeningFiles(tmp_path / "out")
    shutil.copytree(out, files.folder)
    former = read_table(files.stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    (files.stimuli / "clean_0000.png").write_bytes(b"of a version before")
    (files.stimuli / "mine.png").write_bytes(b"not ours")
    screen(replace(asked, settings=replace(asked.settings, seed=1)), files.folder)
    named = read_table(files.stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    assert set(named).isdisjoint(former)
    assert {path.name for path in files.stimuli.iterdir()} == {*named, "mine.png"}
    for name in named:
        with Image.open(files.stimuli / name) as image:
            assert stimulus_id(np.asarray(image.convert("RGB"))).startswith(Path(name).stem.rpartition("_")[2])


def test_an_image_that_was_changed_is_written_again(laboratory: tuple[Screening, Path], tmp_path: Path) -> None:
    asked, out = laboratory
    files = ScreeningFiles(tmp_path / "out")
    shutil.copytree(out, files.folder)
    first, second = sorted(files.stimuli.iterdir())[:2]
    before = first.read_bytes()
    first.write_bytes(second.read_bytes())
    screen(asked, files.folder)
    assert first.read_bytes() == before


def test_a_table_of_another_seeds_images_is_refused_and_those_images_stay(
    laboratory: tuple[Screening, Path], tmp_path: Path
) -> None:
    asked, out = laboratory
    files = ScreeningFiles(tmp_path / "out")
    shutil.copytree(out, files.folder)
    images = read_table(files.stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    sites = simulated_responses(SCREENING.subject, asked.settings).sites
    table = transfer_table(tmp_path, images, sites=sites, change={})
    with pytest.raises(DocumentError, match=rf"transfer\.csv, line 2: .*found {images[0]}\. Give the options"):
        screen(replace(asked, transfer=table, settings=replace(asked.settings, seed=7)), files.folder)
    assert {path.name for path in files.stimuli.iterdir()} == set(images)


def test_one_image_in_two_folders_is_one_image(laboratory: tuple[Screening, Path], tmp_path: Path) -> None:
    asked, out = laboratory
    images = read_table(ScreeningFiles(out).stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    sites = simulated_responses(SCREENING.subject, asked.settings).sites
    table = transfer_table(tmp_path, [f"{folder}/{name}" for name in images for folder in "ab"], sites=sites, change={})
    with pytest.raises(DocumentError, match=rf"line 4: expected each repetition .*{images[0]} again"):
        screen(replace(asked, transfer=table), out)


def test_what_a_table_of_responses_to_them_lacks_is_left_out_and_counted(
    laboratory: tuple[Screening, Path], tmp_path: Path
) -> None:
    """One image of a layer was not shown, and a site was lost before the session."""
    asked, out = laboratory
    files = ScreeningFiles(tmp_path / "out")
    shutil.copytree(out, files.folder)
    images = read_table(files.stimulus_table, TRANSFER_IMAGES)["image"].tolist()
    found = simulated_responses(SCREENING.subject, asked.settings)
    shown = [name for name in images if not name.startswith("robust_fc_eps10_0003")]
    table = transfer_table(tmp_path, shown, sites=found.sites, change={"robust_fc": 3.0})
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(line.rpartition(",")[0] + "," for line in lines[1:])]))
    document = screen(replace(asked, transfer=table), files.folder)
    assert (document.n_shown_left_out, document.n_shown_sites_left_out) == (1, 1)
    rows = rows_of(read_table(files.cells, SCREENING_CELLS), criterion="transfer")
    by_layer = {(row["network"], row["layer"]): row for row in rows}
    assert [row["n_images"] for row in rows] == [4, 3, 4, 4, 4]
    assert by_layer["robust", "fc"]["value"] == pytest.approx(np.sqrt((9 / found.sigma[:-1] ** 2).mean()), rel=1e-6)


def test_every_layers_mean_is_over_the_same_sites() -> None:
    squares = np.ones((2, 1, 4, 3))
    squares[:, :, :, 2] = np.nan  # a lost site
    squares[1, 0, 0, 0] = np.nan  # an image of one layer that one site missed
    squares[0, 0, 3] = np.nan  # one that was not shown
    complete = np.isfinite(complete_squares(squares))
    assert not complete[..., 2].any()
    assert complete[0, 0, :, 0].tolist() == complete[0, 0, :, 1].tolist() == [True, True, True, False]
    assert complete[1, 0, :, 0].tolist() == complete[1, 0, :, 1].tolist() == [False, True, True, True]


def test_an_image_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,repetition,a\n\n.,1,2\n")
    with pytest.raises(ImageError, match=r"table\.csv, line 3: .*found a folder"):
        table_responses(tmp_path / "table.csv", side_px=32)
