"""Rows of images that were made of clean ones: by what lies beneath each, and counted from the bytes."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.naming import stimulus_id
from closedloop.stages.changed.images import ChangedImages, Foretold

CLEAN = np.stack([np.full((8, 8, 3), level, dtype=np.uint8) for level in (100, 200)])
MADE = ChangedImages(
    CLEAN[[1, 0]] + np.array([5, 0], dtype=np.uint8)[:, None, None, None],
    {
        "kind": np.array(["arm", "arm"]),
        "item_id": np.array(["one", "other"]),
        "site_index": np.array([2, -1]),
        "epsilon": np.array([10.0, 10.0]),
        "repetitions": np.array([2, 3]),
    },
    np.array([1, 0]),
    CLEAN,
    {"image_id": np.array(["a", "b"]), "category": np.array(["x", "y"]), "role": np.array(["clean", "anchor"])},
)
FORETOLD = Foretold(np.array([1.0, np.nan]), np.array([0.5, np.nan]))


def test_a_row_says_what_the_image_beneath_is_and_how_far_the_bytes_are_from_it() -> None:
    rows = MADE.stimulus_rows(FORETOLD, first_index=7)
    assert set(rows) == set(STIMULI.columns)
    assert rows["stimulus_id"] == [stimulus_id(image) for image in MADE.images]
    assert [list(rows[name]) for name in ("image_index", "image_id", "category", "role", "clean_index")] == [
        [7, 8],
        ["b", "a"],
        ["y", "x"],
        ["anchor", "clean"],
        [1, 0],
    ]
    assert rows["realised_epsilon"] == pytest.approx([5 / 255 * np.sqrt(8 * 8 * 3) * 224 / 8, 0.0])
    assert rows["predicted_sign"].tolist() == [-1, 0]
    assert rows["predicted_sign"].dtype == np.int32


def test_the_audit_names_the_same_images_and_what_is_foretold_of_no_site_is_missing() -> None:
    rows = MADE.stimulus_rows(FORETOLD, first_index=7)
    audit = MADE.audit_rows(FORETOLD, rows)
    assert audit["stimulus_id"].tolist() == rows["stimulus_id"]
    assert audit["realised_epsilon"] == pytest.approx(rows["realised_epsilon"])
    assert audit["predicted_change"] == pytest.approx([-0.5, np.nan], nan_ok=True)
    assert np.isnan(audit["lattice_bound"]).all()
    assert np.isnan(Foretold.nothing(2).clean).all()
