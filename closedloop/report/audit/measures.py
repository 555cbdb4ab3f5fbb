"""What an audit measures of each stimulus, in numbers and as pixels; nothing is drawn here."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.tables import Columns


def kept(columns: Columns) -> NDArray[np.float64]:
    """Return the share of the largest predicted change found that each stimulus's bytes keep; NaN if unpredicted."""
    return over(np.abs(columns["predicted_change"]), largest_found(columns))


def largest_found(columns: Columns) -> NDArray[np.float64]:
    """Return the size of the largest predicted change found in the ball: by the float search, or of the bytes."""
    return np.asarray(np.maximum(np.abs(columns["predicted_change_float"]), np.abs(columns["predicted_change"])))


def over(part: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a ratio, NaN where there is nothing to compare with."""
    return np.asarray(np.divide(part, of, out=np.full(len(part), np.nan), where=of > 0))


def shift(columns: Columns, what: Literal["luminance", "contrast"]) -> NDArray[np.float64]:
    """Return the shift of brightness or contrast relative to the clean image, for each stimulus."""
    return over(columns[f"{what}_shift"], columns[f"{what}_clean"])


def n_beyond_budget(columns: Columns) -> int:
    """Return how many stimuli are farther from their clean image than they may be."""
    return int((columns["realised_epsilon"] > columns["epsilon"] * (1 + 1e-9)).sum())
