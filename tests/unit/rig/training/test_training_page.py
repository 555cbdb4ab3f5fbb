"""What the page of a training counts and says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal_rows import RewardNoted
from closedloop.artifacts.rig.calibrations import ValveVolume
from closedloop.artifacts.rig.training import TrainingSettings
from rig.pages.figures import stacked
from rig.training.folder import read_days, training_yaml
from rig.training.progress import count_day
from tests.unit.rig.training.taught import teach

pytestmark = pytest.mark.usefixtures("own_runtime")


def test_thousands_have_room_beside_the_axis_title_and_are_written_as_in_the_table():
    figure = stacked([("11-02", [17_672, 3_000, 900])], y="trials")
    labels = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="end">([^<]*)</text>', figure)
    assert [label for _, label in labels] == ["0", "10,000", "20,000"]
    title_px = int(re.search(r"translate\((\d+),", figure)[1])
    assert all(float(x) - 6.5 * len(label) > title_px + 4 for x, label in labels)  # a digit is 6.5 px wide, at 12 px


def test_the_page_shows_the_settings_that_a_new_training_has():
    page = (Path(__file__).parents[4] / "docs" / "training.md").read_text()
    assert f"```yaml\n{training_yaml(TrainingSettings(subject='Nelson'))}```" in page


@pytest.mark.parametrize(("longest_ms", "expected_ml"), [(120.0, 0.3 + 0.38), (90.0, None)])
def test_reward_in_ml_is_of_each_opening_by_its_length_and_none_where_that_was_not_weighed(
    tmp_path, longest_ms, expected_ml
):
    teach(tmp_path / "training", minutes=0.2)
    [day] = read_days(tmp_path / "training")
    valve = ValveVolume(
        ml_per_ms=0.004,
        ml_at_zero=-0.02,
        ml_per_ms_error=0.0,
        ml_at_zero_error=0.0,
        shortest_ms=20.0,
        longest_ms=longest_ms,
    )
    rewards = [
        RewardNoted(state=state, trial=None, duration_ms=duration_ms, time_s=99.0)
        for duration_ms in (80.0, 100.0)
        for state in ("intended", "given", "acknowledged")
    ]
    given = replace(
        day,
        day=day.day.model_copy(update={"valve": valve}),
        journal=replace(day.journal, rows=(*day.journal.rows, *rewards)),
    )
    found = count_day(given)
    assert found.reward_ms == 180.0
    assert found.reward_ml == (pytest.approx(expected_ml) if expected_ml is not None else None)
