"""The study on scikit-learn's digits: killed and resumed, the same bytes; what its tables and page say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from closedloop.artifacts.tables import read_table
from closedloop.studies.purification.asked import PurificationOptions
from closedloop.studies.purification.documents import DEFENSE_ACCURACY, RECALL_ACCURACY
from closedloop.studies.purification.page.sections import rate_of
from closedloop.studies.purification.run import run_study
from closedloop.studies.purification.settings import ADAPTIVE, WORST
from tests.unit.defenses.digits import write_digits

pytestmark = pytest.mark.slow


class StoppedError(Exception):
    """Where a person stops the work."""


def options(data: Path, *, seed: int = 0) -> PurificationOptions:
    return PurificationOptions(data, n_train=600, n_test=20, epochs=3, recalls=3, with_sites=False, seed=seed)


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stop_at(share: float) -> object:
    def stop(done: int, total: int) -> None:
        if done >= share * total:
            raise StoppedError

    return stop


def test_stopped_and_resumed_it_leaves_the_same_bytes_and_a_page_that_says_what_came_out(tmp_path: Path) -> None:
    data = write_digits(tmp_path / "digits")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    whole.mkdir()
    (whole / "site_return.csv").write_text("of an earlier run, with sites")
    lines = run_study(options(data), whole, workers="1", progress=lambda *_: None)
    for share in (0.2, 0.9):
        with pytest.raises(StoppedError):
            run_study(options(data), resumed, workers="1", progress=stop_at(share))
        assert not (resumed / "index.html").exists()
    run_study(options(data), resumed, workers="2", progress=lambda *_: None)
    assert content(whole) == content(resumed)
    assert not list(whole.rglob("*.pt"))
    _check_tables(whole)
    page = (whole / "index.html").read_text()
    assert f"idx files of {data}" in page
    assert "rises with ε" in page
    assert "Fashion" not in page
    warned = "right on clean images no more often than by chance"  # so short a training teaches a purifier nothing
    assert any(warned in line for line in lines)
    assert warned in page
    assert not any("points under FGSM" in line for line in lines)


def _check_tables(folder: Path) -> None:
    table = read_table(folder / "defense_accuracy.parquet", DEFENSE_ACCURACY)
    for defense in ("none", "adversarial", "carso", "carso_plain"):
        assert rate_of(table, defense, "clean", 0.0)["n_images"] == 20
        for radius in (0.15, 0.3, 0.5):
            worst = rate_of(table, defense, WORST, radius)["accuracy"]
            for attack in ("fgsm", "pgd", "deepfool", "apgd_ce", "apgd_dlr", ADAPTIVE):
                assert rate_of(table, defense, attack, radius)["accuracy"] >= worst
    for defense in ("none", "adversarial"):  # without draws nothing is left to chance
        for attack in ("fgsm", "pgd", "deepfool", "apgd_ce", "apgd_dlr"):
            own = rate_of(table, defense, ADAPTIVE, 0.3)["accuracy"]
            assert own <= rate_of(table, defense, attack, 0.3)["accuracy"]
    assert rate_of(table, "none", "pgd", 0.3)["accuracy"] < 0.1
    recalls = read_table(folder / "recall_accuracy.parquet", RECALL_ACCURACY)
    assert set(recalls["n_recalls"].tolist()) == {1, 3}
    assert set(recalls["defense"].tolist()) == {"carso", "carso_plain"}
