"""Images of a person's folder: as they are, counted under what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.errors import ImageError, StudyError
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles
from closedloop.studies.discrimination.preparation.stimuli import pairs_of_folder
from tests.unit.studies.discrimination.experiments import small_experiment

SIDE_PX = 32


def folder_of_pairs(root: Path, lines: str) -> Path:
    root.mkdir()
    random = np.random.default_rng(0)
    clean = random.integers(0, 200, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    changed = clean.copy()
    changed[0, 0] += 51  # three values by a fifth
    Image.fromarray(clean).save(root / "a.png")
    Image.fromarray(changed).save(root / "b.png")
    Image.fromarray(clean[:, :16]).save(root / "narrow.png")
    (root / "pairs.csv").write_text(lines)
    return root


def test_images_are_taken_as_they_are_and_their_norm_is_of_their_bytes(tmp_path: Path) -> None:
    found = pairs_of_folder(folder_of_pairs(tmp_path / "f", "clean,perturbed,epsilon\na.png,b.png,2.5\na.png,b.png,\n"))
    with Image.open(tmp_path / "f" / "b.png") as picture:
        np.testing.assert_array_equal(found.images[found.pairs[0].perturbed_index], np.asarray(picture))
    norm = np.sqrt(3) * 0.2 * 224 / SIDE_PX
    assert [pair.realised_epsilon for pair in found.pairs] == pytest.approx([norm, norm])
    assert [pair.epsilon for pair in found.pairs] == [2.5, round(norm, 1)]
    assert len(found.images) == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("clean,epsilon\na.png,1\n", "columns clean and perturbed"),
        ("clean,perturbed\na.png,a.png\n", "a perturbed image, found its clean one"),
        ("clean,perturbed\nnarrow.png,b.png\n", "a square image, found 16 x 32"),
        ("clean,perturbed,epsilon\na.png,b.png,large\n", "a number above 0 as epsilon, found 'large'"),
        ("clean,perturbed\na.png,missing.png\n", "expected an image, found none"),
    ],
)
def test_a_table_that_names_no_pairs_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        pairs_of_folder(folder_of_pairs(tmp_path / "f", lines))


def test_the_same_experiment_stays_and_another_one_is_refused_in_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "e"
    made = small_experiment(root)
    (made.paths.journals / "kept").write_text("x")
    assert small_experiment(root).document == made.document
    assert (made.paths.journals / "kept").is_file()
    with pytest.raises(StudyError, match="found another one"):
        small_experiment(root, pairs_a_session=4)


def test_the_laboratorys_text_is_part_of_what_an_answer_belongs_to(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.")
    plain = small_experiment(tmp_path / "a")
    asked = small_experiment(tmp_path / "b", brought=LaboratoryFiles(consent=consent))
    assert asked.paths.consent.read_text() == "I take part."
    assert plain.document.experiment_id != asked.document.experiment_id
