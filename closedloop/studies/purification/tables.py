"""Tables of the study, from which images were answered rightly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.intervals import wilson
from closedloop.artifacts.layouts import TableLayout
from closedloop.artifacts.tables import Columns
from closedloop.defenses.port import AGGREGATION_RULES
from closedloop.studies.purification.documents import DEFENSE_ACCURACY, RECALL_ACCURACY
from closedloop.studies.purification.settings import ATTACKS, CLEAN, WORST, DefenseName

RightAnswers = Mapping[tuple[DefenseName, float], NDArray[np.bool_]]
"""By defence and radius (0: clean): which images were answered rightly, (n_attacks, n_rules, n_counts, n_images)."""


def accuracy_table(answers: RightAnswers) -> Columns:
    """Return the table `DEFENSE_ACCURACY`: a row a defence, attack and radius, with the worst over all and clean.

    Parameters
    ----------
    answers
        Of all defences.
    """
    return _table(DEFENSE_ACCURACY, _accuracies(answers))


def recalls_table(answers: RightAnswers, *, counts: tuple[int, ...]) -> Columns:
    """Return the table `RECALL_ACCURACY`: how the number of recalls and the way to one answer matter.

    Parameters
    ----------
    answers
        Of all defences; those that recall are in the table.
    counts
        Numbers of recalls.
    """
    return _table(RECALL_ACCURACY, _recalls(answers, counts))


def _accuracies(answers: RightAnswers) -> Iterator[dict[str, Any]]:
    mode = AGGREGATION_RULES.index("mode")
    for (defense, radius), right in answers.items():
        own = right[:, mode, -1]
        named = dict(zip(ATTACKS if radius else (CLEAN,), own, strict=True))
        if radius:
            named[WORST] = own.all(axis=0) & answers[defense, 0.0][0, mode, -1]
        for attack, of_images in named.items():
            yield {"defense": defense, "attack": attack, "radius": radius} | _rate(of_images)


def _recalls(answers: RightAnswers, counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    for (defense, radius), right in answers.items():
        if defense in {"none", "adversarial"}:
            continue
        for attack, by_rule in zip(ATTACKS if radius else (CLEAN,), right, strict=True):
            for rule, by_count in zip(AGGREGATION_RULES, by_rule, strict=True):
                for n_recalls, of_images in zip(counts, by_count, strict=True):
                    row = {"defense": defense, "attack": attack, "radius": radius, "rule": rule, "n_recalls": n_recalls}
                    yield row | _rate(of_images)


def _rate(right: NDArray[np.bool_]) -> dict[str, Any]:
    n_right, n = int(right.sum()), right.size
    low, high = wilson(n_right, n)
    return {"accuracy": n_right / n, "low": low, "high": high, "n_images": n}


def _table(layout: TableLayout, rows: Iterator[dict[str, Any]]) -> Columns:
    listed = list(rows)
    return {name: np.array([row[name] for row in listed]) for name in layout.columns}
