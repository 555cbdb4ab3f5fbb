"""Images of a person's folder: as they are, counted under what they are."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.discrimination.experiment import open_experiment
from closedloop.errors import ClosedLoopError, DocumentError, ImageError, StudyError
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles
from closedloop.studies.discrimination.preparation.page_files import check_page
from closedloop.studies.discrimination.preparation.stimuli import PerturbedImage, gather_pairs, pairs_of_folder
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
    changed = clean.copy()
    changed[0, 0, 0] += 51
    Image.fromarray(changed).save(root / "c.png")
    Image.fromarray(clean[:, :16]).save(root / "narrow.png")
    (root / "pairs.csv").write_text(lines)
    return root


def test_images_are_taken_as_they_are_and_their_norm_is_of_their_bytes(tmp_path: Path) -> None:
    found = pairs_of_folder(folder_of_pairs(tmp_path / "f", "clean,perturbed,epsilon\na.png,b.png,2.5\na.png,c.png,\n"))
    with Image.open(tmp_path / "f" / "b.png") as picture:
        np.testing.assert_array_equal(found.images[found.pairs[0].perturbed_index], np.asarray(picture))
    norm = np.sqrt(3) * 0.2 * 224 / SIDE_PX
    assert [pair.realised_epsilon for pair in found.pairs] == pytest.approx([norm, norm / np.sqrt(3)])
    assert [pair.epsilon for pair in found.pairs] == [2.5, round(norm / np.sqrt(3), 1)]
    assert len(found.images) == 3


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("clean,epsilon\na.png,1\n", "columns clean and perturbed"),
        ("clean,perturbed\na.png,a.png\n", "a perturbed image, found its clean one"),
        ("clean,perturbed\nnarrow.png,b.png\n", "a square image, found 16 x 32"),
        ("clean,perturbed,epsilon\na.png,b.png,large\n", "a number above 0 as epsilon, found 'large'"),
        ("clean,perturbed,epsilon\na.png,b.png,8\n", r"factor of 2 of .* norm on 224 x 224 x 3 pixels, 2\.42, found 8"),
        ("clean,perturbed,epsilon\na.png,b.png,.03\n", r"factor of 2 of .*, 2\.42, found \.03"),
        ("clean,perturbed\na.png,b.png\na.png,b.png\n", "line 3: expected each pair once"),
        ("clean,perturbed\na.png,b.png\nb.png,c.png\n", "line 2: expected a perturbed image that is no pair's clean"),
        ("clean,perturbed\na.png,missing.png\n", "expected an image, found none"),
        ("clean,perturbed\na.png,b\0.png\n", "printable letters|table of short lines"),
        (f"clean,perturbed\na.png,{'b' * 260}.png\n", "names of at most 255 printable letters"),
        ("clean,perturbed\na.png,\n", "names of at most 255 printable letters"),
        (f"clean,perturbed\na.png,{'b' * 200_000}\n", "a table of short lines"),
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


@pytest.mark.parametrize("side_px", [15, 4097])
def test_images_that_no_page_could_show_are_refused(side_px: int) -> None:
    clean = np.zeros((side_px, side_px, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match=f"images of 16 to 4096 pixels a side, found {side_px}"):
        gather_pairs([PerturbedImage("a", clean, clean + 1, 1.0)], source="s")


@pytest.mark.parametrize("name", ["S01-0001.jsonl", "journals/S01-0001.jsonl"])
def test_a_folder_that_is_no_experiment_is_left_alone(tmp_path: Path, name: str) -> None:
    root = tmp_path / "e"
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("an answer")
    with pytest.raises(StudyError, match=r"found other files and no experiment\.json"):
        small_experiment(root)
    assert (root / name).read_text() == "an answer"
    small_experiment(tmp_path / "empty")


def test_a_damaged_experiment_is_left_alone(tmp_path: Path) -> None:
    made = small_experiment(tmp_path / "e")
    answers = made.paths.journals / "S01-0001.jsonl"
    answers.write_text("an answer")
    made.paths.document.write_text("{")
    with pytest.raises(DocumentError, match=r"experiment\.json"):
        small_experiment(tmp_path / "e")
    assert answers.read_text() == "an answer"


def test_other_rules_for_the_same_experiment_are_refused(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("most_late: 0.1\n")
    brought = LaboratoryFiles(rules=rules)
    small_experiment(tmp_path / "e", brought=brought)
    small_experiment(tmp_path / "e", brought=brought)
    rules.write_text("most_late: 0.2\n")
    with pytest.raises(StudyError, match=r"the rules that .* was prepared with, found others"):
        small_experiment(tmp_path / "e", brought=brought)
    small_experiment(tmp_path / "plain")
    with pytest.raises(StudyError, match="found others"):
        small_experiment(tmp_path / "plain", brought=brought)


def test_a_blank_text_of_consent_is_refused(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text(" \n")
    with pytest.raises(StudyError, match="found it blank"):
        small_experiment(tmp_path / "e", brought=LaboratoryFiles(consent=consent))


def test_another_text_than_people_agreed_to_is_refused(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.")
    made = small_experiment(tmp_path / "e", brought=LaboratoryFiles(consent=consent))
    check_page(made)
    made.paths.consent.write_text("I pay.")
    with pytest.raises(DocumentError, match=r"consent\.txt: expected the text that people agree to"):
        open_experiment(made.paths.root)


@pytest.mark.parametrize("name", ["experiment.js", "sessions/0001.js", "images"])
def test_a_page_that_would_show_something_else_is_refused(tmp_path: Path, name: str) -> None:
    made = small_experiment(tmp_path / "e")
    place = made.paths.page / name
    place = min(place.iterdir()) if place.is_dir() else place
    check_page(made)
    place.write_bytes(place.read_bytes().replace(b"A", b"B", 1) + b"\n")
    with pytest.raises(DocumentError, match=f"{place.name}: expected what experiment.json says is shown"):
        check_page(made)


def test_the_laboratorys_text_is_part_of_what_an_answer_belongs_to(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.")
    plain = small_experiment(tmp_path / "a")
    asked = small_experiment(tmp_path / "b", brought=LaboratoryFiles(consent=consent))
    assert asked.paths.consent.read_text() == "I take part."
    assert plain.document.experiment_id != asked.document.experiment_id


def test_what_a_full_disk_left_is_removed_and_the_folder_stays_free(tmp_path: Path) -> None:
    root = tmp_path / "e"
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, most[1]))  # as a quota ends a file in its middle
    try:
        with pytest.raises((ClosedLoopError, OSError)):
            small_experiment(root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert list(tmp_path.iterdir()) == []
    small_experiment(root)
