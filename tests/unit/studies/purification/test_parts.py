"""Parts of the study: its data, its rounds of training, its tables, and the slides' numbers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.defenses.port import AGGREGATION_RULES
from closedloop.defenses.trained import rounds
from closedloop.errors import ImageError
from closedloop.studies.purification.data import SIDE_PX, read_data
from closedloop.studies.purification.networks import plan_networks
from closedloop.studies.purification.page.slides import SLIDES
from closedloop.studies.purification.settings import ATTACKS, AttackSettings, PurificationSettings
from closedloop.studies.purification.tables import accuracy_table, recalls_table
from tests.unit.defenses.digits import digits, write_digits, write_idx


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
    assert (len(data.train.classes), len(data.test.classes)) == (96, 24)
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
    table = accuracy_table({("carso", 0.3): right})
    rate = dict(zip(table["attack"].tolist(), table["accuracy"].tolist(), strict=True))
    assert rate == dict.fromkeys(ATTACKS, 1.0) | {"fgsm": 0.75, "deepfool": 0.75, "apgd_ce": 0.75, "worst": 0.5}
    by_count = recalls_table({("carso", 0.3): right, ("none", 0.3): right}, counts=(1, 5))
    assert len(by_count["rule"]) == len(ATTACKS) * n_rules * 2
    own = (by_count["attack"] == "apgd_dlr") & (by_count["rule"] == "mode")
    assert by_count["accuracy"][own].tolist() == [0.75, 1.0]


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
