"""How many attacks moved their site the way the seal says: counted over those that moved it at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.wording import count, percent


@dataclass(frozen=True)
class SignCounts:
    """Attacks by how their site changed.

    Attributes
    ----------
    n_right, n_counted
        That moved it as sealed, and that moved it at all: the share of signs that are right is of these.
    n_still
        Without any change: they have no sign.
    n_unknown
        Whose change is not known.
    """

    n_right: int
    n_counted: int
    n_still: int
    n_unknown: int


def count_signs(pairs: Columns, *, epsilon: float | None = None, true: bool = False) -> SignCounts:
    """Count a day's attacks by the sign of their change.

    Parameters
    ----------
    pairs
        Columns of `day.evaluation.PAIRS`.
    epsilon
        Of which attacks; None for all.
    true
        By the change in the hidden cortex of a simulation, not by the measured one.
    """
    own = np.asarray(pairs["kind"]) == "attacked"
    if epsilon is not None:
        own &= np.asarray(pairs["epsilon"]) == epsilon
    change = np.asarray(pairs["true_change" if true else "change"], dtype=np.float64)[own]
    sign = np.asarray(pairs["predicted_sign"])[own]
    known = np.isfinite(change)
    moved = known & (change != 0)
    n_right = int((np.sign(change[moved]) == sign[moved]).sum())
    return SignCounts(n_right, int(moved.sum()), int((known & ~moved).sum()), int((~known).sum()))


def sign_note(counts: SignCounts, true: float | None) -> str:
    """Return what stands below the share of a day's attacks that moved their site as sealed.

    Parameters
    ----------
    counts
        Of the measured changes.
    true
        The share by the hidden truth; None where nobody knows it.
    """
    note = f"of {count(counts.n_counted)} attacks with a change moved their site as sealed (± binomial SE)"
    left_out = [f"{count(counts.n_still)} without any change"] if counts.n_still else []
    left_out += [f"{count(counts.n_unknown)} not measured"] if counts.n_unknown else []
    note += f"; not counted: {' and '.join(left_out)}" if left_out else ""
    return note if true is None else f"{note}; in truth {percent(true)}"
