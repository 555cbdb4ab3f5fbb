"""Whether a site returns: what a purifier that does nothing, and one that forgets everything, must give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts.tables import Columns
from closedloop.defenses.trained_decoder import TrainedDecoder, leave_decoder, training_images
from closedloop.studies.purification.sites.measure import EPSILONS, DrivenSites, leave_driven, sites_table
from closedloop.studies.purification.sites.section import sites_verdict


@dataclass(frozen=True)
class Faithful:
    """Returns every image as it is."""

    cut: str = "nothing"

    def purify(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return images


@dataclass(frozen=True)
class Forgetful:
    """Returns grey, whatever it is shown."""

    cut: str = "everything"

    def purify(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.full_like(images, 128)


@pytest.mark.slow
def test_a_purifier_that_does_nothing_leaves_all_and_one_that_forgets_leaves_nothing(tmp_path: Path) -> None:
    driven = DrivenSites(tmp_path)
    leave_driven(driven)
    table = sites_table(driven, (Faithful(), Forgetful()))
    for place, epsilon in enumerate(EPSILONS):
        expected_db = 20 * math.log10(math.sqrt(224 * 224 * 3) / epsilon)  # of a change that fills its ball
        assert table["attack_psnr_db"][place] == pytest.approx(expected_db, abs=0.1)
        assert table["left"][place] == 1.0
        assert table["shift"][place] == 0.0
        assert table["gap"][place] == table["driven"][place] > 0
        assert table["left"][2 + place] == 0.0
        assert table["gap"][2 + place] > table["driven"][0]
    assert "no nearer than the attacked image" in sites_verdict(table)
    assert sites_verdict(_changed(table, "gap", 0.1)).endswith("is worth showing beside P(x).")


def _changed(table: Columns, name: str, value: float) -> Columns:
    return {**table, name: np.full_like(table[name], value)}


def test_a_decoder_trained_again_purifies_to_the_same_bytes(tmp_path: Path) -> None:
    decoder = TrainedDecoder("layer2.0", n_images=64, epochs=2, seed=1, pool_seed=2, draw_seed=3, folder=tmp_path)
    leave_decoder(decoder)
    images = training_images(4, pool_seed=7, draw_seed=8)
    first = decoder.purify(images)
    decoder.path.unlink()
    leave_decoder(decoder)
    assert np.array_equal(decoder.purify(images), first)
    assert first.shape == images.shape
    assert [file.name for file in tmp_path.iterdir()] == [decoder.path.name]
