"""A defence that learned nothing is told, and no gain is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from closedloop.analysis.intervals import wilson
from closedloop.studies.purification.documents import PurificationStudy
from closedloop.studies.purification.page.sections import unlearned_words, verdict
from closedloop.studies.purification.settings import ADAPTIVE, ATTACKS, CLEAN, DEFENSES, WORST

N = 400
RADII = (0.05, 0.15)


def table(**clean: float) -> dict[str, np.ndarray[Any, Any]]:
    """Return accuracies of every defence and attack: under attacks half of those of clean images."""
    rows = [
        (defense, attack, radius, clean.get(defense, 0.8) / (1 + (attack != CLEAN)))
        for defense in DEFENSES
        for radius in (0.0, *RADII)
        for attack in ((CLEAN,) if not radius else (*ATTACKS, ADAPTIVE, WORST))
    ]
    intervals = [wilson(round(accuracy * N), N) for *_, accuracy in rows]
    names = ("defense", "attack", "radius", "accuracy")
    columns = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return columns | {
        name: np.array(ends) for name, ends in zip(("low", "high"), zip(*intervals, strict=True), strict=True)
    }


def document() -> PurificationStudy:
    return PurificationStudy.model_construct(classes=tuple("abcdefghij"), radii=RADII)


def test_a_defence_at_chance_is_named_and_no_gain_is_told() -> None:
    for accuracy in (0.1, 0.12):
        words = unlearned_words(document(), table(carso=accuracy))
        assert words.startswith(f"{DEFENSES['carso']}: right on clean images no more often than by chance (10 %)")
        assert verdict(document(), table(carso=accuracy)) == words


def test_where_all_have_learned_something_gains_are_told() -> None:
    assert unlearned_words(document(), table()) == ""
    assert "points under FGSM" in verdict(document(), table())
    assert unlearned_words(document(), table(carso=0.2)) == ""


@pytest.mark.parametrize("defense", ["none", "adversarial"])
def test_a_classifier_that_learned_nothing_is_told_as_well(defense: str) -> None:
    assert unlearned_words(document(), table(**{defense: 0.1})).startswith(DEFENSES[defense])  # type: ignore[index]
