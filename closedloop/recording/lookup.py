"""Look values up by an index that may be -1: there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def take_or(values: NDArray[Any], index: NDArray[np.integer], missing: float) -> NDArray[Any]:
    """Return the values at an index, and `missing` where the index is -1.

    Parameters
    ----------
    values
        What is looked up, shape (n,); may be empty.
    index
        Places in `values`, 0 to n - 1, or -1 for none, any shape.
    missing
        What stands where there is none; NaN makes whole numbers floats.

    Returns
    -------
    NDArray
        A new array of the shape of `index`.
    """
    return np.asarray(np.append(values, missing)[index])
