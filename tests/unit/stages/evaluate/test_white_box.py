"""Which of a day's attacks are made again on a network whose gradient is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.attacks.searches import COSINE, STRENGTHENED, Schedule
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.stages.evaluate.hidden_truth import read_hidden_truth
from closedloop.stages.evaluate.units import NETWORKS, SMALL_SIDE_PX, unit_rows
from closedloop.stages.evaluate.white_box import (
    AttackWork,
    WhiteBoxAttacks,
    WhiteBoxItems,
    attack_cortex,
    items_of_day,
    largest_change_rows,
)
from tests.unit.stages.evaluate.small_days import ROWS, drawn_images, small_day


def changed_day(row: int, **values: Any) -> DayResponses:
    """Return the small day with images of the networks' size and a row of its stimuli changed."""
    day = small_day()
    columns = {name: column.copy() for name, column in day.stimuli.columns.items()}
    for name, value in values.items():
        columns[name][row] = value
    return replace(day, stimuli=StimulusSet(columns, drawn_images(len(ROWS), side_px=SMALL_SIDE_PX)))


def test_anchors_are_attacked_at_the_sites_that_were_bound() -> None:
    items = items_of_day(small_day())
    assert (items.clean_index.tolist(), items.site_index.tolist(), items.image_set) == ([3], [0], "anchors")


def test_without_anchors_all_attacked_images_are_but_not_those_of_unbound_outputs() -> None:
    items = items_of_day(changed_day(4, role="clean"))
    assert (items.clean_index.tolist(), items.site_index.tolist(), items.image_set) == ([3, 1], [0, 0], "all")


def test_changes_are_divided_by_the_spread_of_their_own_output() -> None:
    """|3| / 2 and |-4| / 5 at epsilon 1, |8| / 2 at epsilon 10."""
    items = WhiteBoxItems(np.array([0, 1, 0]), np.array([0, 1, 0]), np.array([1.0, 1.0, 10.0]), "anchors")
    rows = largest_change_rows("white_box", np.array([3.0, -4.0, 8.0]), items, sigma=np.array([2.0, 5.0]))
    assert [row["mean"] for row in rows] == pytest.approx([(1.5 + 0.8) / 2, 4.0])


@pytest.mark.parametrize(("n_units", "n_attacked"), [(1, 1), (2, 2), (9, 2)])
def test_unit_k_is_attacked_on_the_anchors_of_site_k_up_to_the_number_asked_for(
    tmp_path: Path, n_units: int, n_attacked: int
) -> None:
    day = changed_day(5, role="anchor", site_index=1)
    work = AttackWork("auto", None, tmp_path, lambda _done, _total: None)
    rows = unit_rows(day, n_units=n_units, steps=1, seeds=dict.fromkeys(NETWORKS, 1), work=work)
    assert [row["estimate"] for row in rows] == list(NETWORKS)
    assert [row["n_sites"] for row in rows] == [n_attacked] * 2


def test_the_cortex_is_attacked_by_the_search_asked_for_and_a_longer_one_finds_no_less(tmp_path: Path) -> None:
    day = changed_day(5, role="anchor", site_index=1)
    cortex = HiddenCortex(seed=3, n_electrodes=8)
    truth = read_hidden_truth(cortex, day, recording_day=0, n_processors=1, name="cortex")

    def attacked(search: Schedule) -> WhiteBoxAttacks:
        work = AttackWork("auto", None, tmp_path / repr(search), lambda _done, _total: None)
        return attack_cortex(truth.source, day, sigma=np.array([2.0, 5.0]), seed=1, search=search, work=work)

    short = attacked(replace(COSINE, steps=1))
    long = attacked(replace(STRENGTHENED, steps=6, restarts=2))
    assert (np.abs(long.change) > np.abs(short.change)).all()
    assert [row["mean"] for row in long.rows()] == pytest.approx([np.abs(long.change).mean()])
    assert np.array_equal(attacked(replace(COSINE, steps=1)).change, short.change)
