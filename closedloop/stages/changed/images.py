"""Images that were made of clean ones, with the rows that each is given in the stimulus table and in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns
from closedloop.attacks.audit import audit_columns
from closedloop.attacks.lattice import realised_epsilon

ImageBytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_OF_BOTH_TABLES = ("stimulus_id", "image_index", "clean_index", "kind", "category", "site_index", "epsilon")


@dataclass(frozen=True)
class Foretold:
    """What the model says of each image at the site that it is made for, NaN where it is made for none.

    Attributes
    ----------
    clean, changed
        Its response to the clean image and to the changed one, (n_images,).
    change_float
        Its change where the float search ended, (n_images,); None where nothing is said of that.
    lattice_bound
        What part of it whole grey levels allow, (n_images,); None likewise.
    """

    clean: Floats
    changed: Floats
    change_float: Floats | None = None
    lattice_bound: Floats | None = None

    @property
    def sign(self) -> NDArray[np.int32]:
        """Direction of the change; 0 where it is made for no site."""
        return np.nan_to_num(np.sign(self.changed - self.clean)).astype(np.int32)

    @classmethod
    def nothing(cls, n_images: int) -> Foretold:
        """Return that nothing is said of any single site."""
        return cls(np.full(n_images, np.nan), np.full(n_images, np.nan))


@dataclass(frozen=True)
class ChangedImages:
    """Images with the planned rows that they were made from.

    Attributes
    ----------
    images
        uint8, (n_images, side, side, 3).
    items
        Row of the table of items of each.
    beneath
        Row of the clean image of each, (n_images,), in both of the following.
    clean, of_clean
        The day's clean images, uint8, (n_clean, side, side, 3), and their table.
    """

    images: ImageBytes
    items: Columns
    beneath: Rows
    clean: ImageBytes
    of_clean: Columns

    def stimulus_rows(self, foretold: Foretold, *, first_index: int) -> dict[str, Any]:
        """Return their rows of the stimulus table.

        Parameters
        ----------
        foretold
            By the model that made them.
        first_index
            Row of the first one in images.h5.
        """
        items, of_clean, beneath = self.items, self.of_clean, self.beneath
        return {
            "stimulus_id": [stimulus_id(image) for image in self.images],
            "image_index": first_index + np.arange(len(self.images)),
            "kind": items["kind"],
            "role": of_clean["role"][beneath],
            "image_id": of_clean["image_id"][beneath],
            "category": of_clean["category"][beneath],
            "item_id": items["item_id"],
            "clean_index": beneath,
            "site_index": items["site_index"],
            "epsilon": items["epsilon"],
            "realised_epsilon": realised_epsilon(self.clean[beneath], self.images),
            "predicted_clean": foretold.clean,
            "predicted_attacked": foretold.changed,
            "predicted_sign": foretold.sign,
            "repetitions": items["repetitions"],
        }

    def audit_rows(self, foretold: Foretold, rows: dict[str, Any]) -> dict[str, Any]:
        """Return their rows of the audit, counted from the bytes.

        Parameters
        ----------
        foretold
            By the model that made them.
        rows
            Of the stimulus table.
        """
        nothing = np.full(len(self.images), np.nan)
        audit = audit_columns(
            zip(self.clean[self.beneath], self.images, strict=True),
            predicted_change_float=nothing if foretold.change_float is None else foretold.change_float,
            predicted_change=foretold.changed - foretold.clean,
            lattice_bound=nothing if foretold.lattice_bound is None else foretold.lattice_bound,
        )
        return {name: np.asarray(rows[name]) for name in _OF_BOTH_TABLES} | audit
