"""Whose responses are looked at, by how many images, and what is refused before a study is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import ExecutionError
from closedloop.studies.networks import parse_networks
from closedloop.studies.response_geometry.asked import GeometryOptions
from closedloop.studies.response_geometry.run import find_study
from closedloop.studies.response_geometry.settings import GeometrySettings
from closedloop.studies.response_geometry.subjects import network_units


def test_more_images_a_unit_than_there_are_clean_ones_are_written_down_as_those_that_were_looked_at() -> None:
    (choice,) = parse_networks(("small_resnet_robust",), architecture=None)
    found = network_units(choice, GeometrySettings(n_units=3, images_per_unit=500, n_clean=6))
    assert found.described.n_images == 6
    assert len(found.outputs) == 3 * 6


def test_a_device_that_is_none_is_refused_before_a_study_is_made(tmp_path: Path) -> None:
    options = GeometryOptions(None, (), None, 3, 1, 6, 0, truth=False, seed=0)
    assert options.makes_study
    with pytest.raises(ExecutionError, match="--device: expected"):
        find_study(options, tmp_path / "out", workers="1", device="bogus")
    assert not (tmp_path / "out").exists()
