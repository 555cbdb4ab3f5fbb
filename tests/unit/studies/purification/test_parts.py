"""Parts of the study: its data, its rounds of training, its tables, and the slides' numbers."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from closedloop.artifacts.naming import generator
from closedloop.defenses.labelled import SIDE_PX, LabelledImages, read_labelled
from closedloop.defenses.port import AGGREGATION_RULES
from closedloop.defenses.trained import rounds
from closedloop.errors import ImageError
from closedloop.studies.purification.networks import plan_networks
from closedloop.studies.purification.page.slides import SLIDES
from closedloop.studies.purification.settings import ATTACKS, AttackSettings, PurificationSettings
from closedloop.studies.purification.tables import accuracy_table, recalls_table
from tests.unit.defenses.digits import digits, write_digits, write_idx

Classes: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


def read_data(folder: Path, *, n_train: int, n_test: int, seed: int) -> LabelledImages:
    return read_labelled(
        folder, n_train=n_train, n_test=n_test, seed=seed, draw_of=partial(generator, seed, "purification")
    )


def write_parts(folder: Path, train: NDArray[np.uint8], test: NDArray[np.uint8], classes: Classes) -> Path:
    """Write idx files: images to train on and to test, and the classes of each."""
    folder.mkdir()
    for begins, images, own in zip(("train", "t10k"), (train, test), classes, strict=True):
        write_idx(folder / f"{begins}-images-idx3-ubyte", images)
        write_idx(folder / f"{begins}-labels-idx1-ubyte", np.asarray(own, dtype=np.uint8))
    return folder


def noise(n: int, *side_px: int) -> NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, *side_px), dtype=np.uint8)


def test_idx_files_are_read_and_drawn_from_by_the_seed(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits")
    data, again, other = (read_data(folder, n_train=100, n_test=20, seed=seed) for seed in (1, 1, 2))
    assert data.side_px == (8, 8)
    assert data.classes == tuple(map(str, range(10)))
    assert data.train.images.shape == (100, 64)
    assert np.array_equal(data.train.images, again.train.images)
    assert not np.array_equal(data.train.images, other.train.images)
    whole = {image.tobytes(): label for image, label in zip(digits()[0].images, digits()[0].classes, strict=True)}
    assert [whole[image.tobytes()] for image in data.train.images] == data.train.classes.tolist()


def test_class_folders_become_grey_images_and_keep_a_fifth_for_the_test(tmp_path: Path) -> None:
    for number, name in enumerate(("ant", "bee", "cow")):
        (tmp_path / name).mkdir()
        for image in range(40):
            pixels = np.full((30, 40, 3), (60 * number, 0, 3 * image), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{image}.png")
    data = read_data(tmp_path, n_train=1000, n_test=1000, seed=0)
    assert data.classes == ("ant", "bee", "cow")
    assert (len(data.train.classes), len(data.test.classes) + data.n_repeated) == (96, 24)  # greys meet across classes
    assert data.train.images.shape == (96, SIDE_PX**2)
    level = data.train.images[:, 0].astype(int)
    assert ((level >= 20 * data.train.classes) & (level <= 20 * data.train.classes + 39)).all()


def test_a_folder_of_two_classes_or_of_nothing_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no class folder"):
        read_data(tmp_path, n_train=100, n_test=10, seed=0)
    for begins in ("train", "t10k"):
        write_idx(tmp_path / f"{begins}-images-idx3-ubyte", np.zeros((70, 4, 4), np.uint8))
        write_idx(tmp_path / f"{begins}-labels-idx1-ubyte", (np.arange(70) % 2).astype(np.uint8))
    with pytest.raises(ImageError, match="expected images of 3 classes or more"):
        read_data(tmp_path, n_train=100, n_test=10, seed=0)


def test_images_that_are_trained_on_are_not_tested(tmp_path: Path) -> None:
    train, test = noise(90, 5, 5), noise(40, 5, 5)
    test[:15] = train[:15]
    classes = np.arange(90) % 3, np.arange(40) % 3
    data = read_data(write_parts(tmp_path / "idx", train, test, classes), n_train=90, n_test=20, seed=0)
    assert (len(data.test.classes), data.n_repeated) == (20, 15)
    assert not {one.tobytes() for one in data.test.images} & {one.tobytes() for one in data.train.images}
    some = read_data(tmp_path / "idx", n_train=70, n_test=20, seed=0)
    assert some.n_repeated < 15  # of those that are not trained on the copies may be tested
    with pytest.raises(ImageError, match="none of those to train on, found 90 that all are"):
        read_data(write_parts(tmp_path / "same", train, train, (classes[0],) * 2), n_train=90, n_test=20, seed=0)


def test_copies_in_class_folders_are_not_tested_either(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("ant", "bee", "cow"):
        (tmp_path / name).mkdir()
        for image in range(40):
            if not image % 4:  # the next one is a copy, the others are alone
                pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            shown = pixels if image % 4 < 2 else random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(shown).save(tmp_path / name / f"{image}.png")
    data = read_data(tmp_path, n_train=1000, n_test=1000, seed=0)
    assert data.n_repeated > 0
    assert len(data.test.classes) == 24 - data.n_repeated
    assert not {one.tobytes() for one in data.test.images} & {one.tobytes() for one in data.train.images}


def test_a_class_that_is_never_trained_on_is_refused(tmp_path: Path) -> None:
    classes = np.arange(90) % 3, np.arange(40) % 5 + 2
    folder = write_parts(tmp_path / "idx", noise(90, 5, 5), noise(40, 5, 5), classes)
    with pytest.raises(ImageError, match=r"every class that is tested among the 90 .* found none of 3, 4, 5, 6\."):
        read_data(folder, n_train=90, n_test=40, seed=0)


@pytest.mark.parametrize("side_px", [(1, 1), (1, 3)])
def test_images_of_a_few_pixels_are_refused(tmp_path: Path, side_px: tuple[int, int]) -> None:
    classes = np.arange(90) % 3, np.arange(40) % 3
    folder = write_parts(tmp_path / "idx", noise(90, *side_px), noise(40, *side_px), classes)
    with pytest.raises(ImageError, match=f"of 4 pixels or more.* of {side_px[0]} x {side_px[1]} pixels"):
        read_data(folder, n_train=90, n_test=40, seed=0)


def test_a_purifier_begins_when_its_classifier_is_done_and_everything_is_trained_to_its_end() -> None:
    settings = PurificationSettings(epochs=7, attacks=AttackSettings(recalls=2, seed=0))
    networks = plan_networks(settings, digits()[0], Path("nowhere"))
    done = dict.fromkeys(networks.all, 0)
    for planned in rounds(networks.all):
        for network, until in planned:
            assert until > done[network]
            if network in {networks.purifier, networks.purifier_plain}:
                assert done[network.of] == 7
        done |= dict(planned)
    assert set(done.values()) == {7}


def test_the_worst_over_attacks_counts_an_image_that_withstands_all_of_them() -> None:
    n_rules, mode = len(AGGREGATION_RULES), AGGREGATION_RULES.index("mode")
    right = np.ones((len(ATTACKS), n_rules, 2, 4), dtype=bool)
    right[0, mode, -1, 0] = right[2, mode, -1, 1] = right[3, mode, -1, 1] = False
    right[4, mode, 0, 2] = False  # with fewer recalls only
    clean = np.ones((1, n_rules, 2, 4), dtype=bool)
    table = accuracy_table({("carso", 0.0): clean, ("carso", 0.3): right})
    rate = dict(zip(table["attack"].tolist(), table["accuracy"].tolist(), strict=True))
    assert rate.pop("clean") == 1.0
    assert rate == dict.fromkeys(ATTACKS, 1.0) | {"fgsm": 0.75, "deepfool": 0.75, "apgd_ce": 0.75, "worst": 0.5}
    by_count = recalls_table({("carso", 0.3): right, ("none", 0.3): right}, counts=(1, 5))
    assert len(by_count["rule"]) == len(ATTACKS) * n_rules * 2
    own = (by_count["attack"] == "apgd_dlr") & (by_count["rule"] == "mode")
    assert by_count["accuracy"][own].tolist() == [0.75, 1.0]


def test_an_image_that_is_wrong_as_it_is_withstands_nothing() -> None:
    right = np.ones((len(ATTACKS), len(AGGREGATION_RULES), 1, 4), dtype=bool)
    clean = right[:1].copy()
    clean[..., 0] = False
    table = accuracy_table({("none", 0.0): clean, ("none", 0.3): right})
    rate = dict(zip(table["attack"].tolist(), table["accuracy"].tolist(), strict=True))
    assert rate == {"clean": 0.75, **dict.fromkeys(ATTACKS, 1.0), "worst": 0.75}


def test_the_slides_numbers_that_rise_or_pass_a_weaker_attack_are_marked() -> None:
    percent = {
        (cell.attack, cell.radius): {name: float(text) for name, text in cell.percent.items()} for cell in SLIDES
    }
    doubt = {(cell.attack, cell.radius): cell.doubt for cell in SLIDES}
    radii = (0.15, 0.3, 0.5)
    for before, after in pairwise(radii):
        assert percent["pgd", after]["none"] > percent["pgd", before]["none"]
    for radius in radii:
        assert "rises" in doubt["pgd", radius]["none"]
        assert percent["pgd", radius]["adversarial"] > percent["deepfool", radius]["adversarial"]
        assert "DeepFool" in doubt["pgd", radius]["adversarial"]
        assert all("L2" in text for text in doubt["fgsm", radius].values())
    assert percent["pgd", 0.5]["carso"] > percent["fgsm", 0.5]["carso"]
    assert not any(doubt["clean", 0.0].values())
