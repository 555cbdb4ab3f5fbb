"""How well two sets of spike times agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Spikes matched one to one between a reference and a test set."""

    n_reference: int
    n_test: int
    n_matched: int

    @property
    def precision(self) -> float:
        """Share of the test's spikes that the reference has; NaN where the test has none."""
        return self.n_matched / self.n_test if self.n_test else float("nan")

    @property
    def recall(self) -> float:
        """Share of the reference's spikes that the test has; NaN where the reference has none."""
        return self.n_matched / self.n_reference if self.n_reference else float("nan")

    def __add__(self, other: Agreement) -> Agreement:
        """Pool two channels."""
        return Agreement(
            self.n_reference + other.n_reference, self.n_test + other.n_test, self.n_matched + other.n_matched
        )


def agreement(reference_ticks: NDArray[np.int64], test_ticks: NDArray[np.int64], *, tolerance_ticks: int) -> Agreement:
    """Match two increasing sequences of ticks one to one, greedily from the start.

    With one tolerance for all, the greedy match has the largest possible number of pairs.

    Parameters
    ----------
    reference_ticks, test_ticks
        Increasing ticks, shapes (n_reference,) and (n_test,).
    tolerance_ticks
        Largest distance of a pair, inclusive.
    """
    reference, test = reference_ticks.tolist(), test_ticks.tolist()
    i = j = n_matched = 0
    while i < len(reference) and j < len(test):
        distance = test[j] - reference[i]
        if abs(distance) <= tolerance_ticks:
            n_matched += 1
        i += distance >= -tolerance_ticks
        j += distance <= tolerance_ticks
    return Agreement(len(reference), len(test), n_matched)
