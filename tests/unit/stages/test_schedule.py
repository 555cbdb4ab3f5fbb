"""The session folder: every image as often as planned, twins apart, numbers of the protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.session import PRESENTATIONS, SessionDocument
from closedloop.artifacts.tables import Columns, read_table
from closedloop.errors import DocumentError, ProtocolError
from closedloop.stages import schedule
from closedloop.stages.context import StageContext
from closedloop.stimuli.sequences import spread_order
from tests.unit.days import context, pixels, stimulus, stimulus_columns, write_stimuli
from tests.unit.messages import refused

N_CLEAN = 10
ROWS = [
    *(stimulus("clean", "clean", number, repetitions=3) for number in range(N_CLEAN)),
    *(stimulus("attacked", "clean", number, site_index=0, repetitions=2) for number in range(N_CLEAN)),
]


def scheduled(root: Path, *, rows: list[dict[str, Any]] = ROWS, **surroundings: Any) -> tuple[StageContext, Columns]:
    made = context(root, "schedule", **{"presentation": {"twin_separation_min": 0.0}} | surroundings)
    write_stimuli(made.paths, made.day, rows)
    schedule.run(made)
    return made, read_table(made.working / "presentations.parquet", PRESENTATIONS)


def test_every_image_is_shown_as_often_as_planned_and_its_showings_are_numbered(tmp_path: Path) -> None:
    _, shown = scheduled(tmp_path)
    assert shown["presentation_index"].tolist() == list(range(50))
    for image, row in enumerate(ROWS):
        assert shown["repetition"][shown["image_index"] == image].tolist() == list(range(row["repetitions"]))


def test_images_travel_as_they_are_and_presentations_name_them_by_content(tmp_path: Path) -> None:
    made, shown = scheduled(tmp_path)
    np.testing.assert_array_equal(np.load(made.working / "images.npy", mmap_mode="r"), pixels(20))
    expected = stimulus_columns(ROWS)["stimulus_id"][shown["image_index"]]
    assert shown["stimulus_id"].tolist() == expected.tolist()


def test_the_order_is_no_order_of_the_table_and_is_made_the_same_again(tmp_path: Path) -> None:
    _, first = scheduled(tmp_path)
    _, second = scheduled(tmp_path)
    _, other_day = scheduled(tmp_path, day=1)
    order = first["image_index"].tolist()
    assert order != sorted(order)
    assert order == second["image_index"].tolist() != other_day["image_index"].tolist()


def test_the_session_says_what_the_protocol_says(tmp_path: Path) -> None:
    made, _ = scheduled(tmp_path, day=4)
    session = SessionDocument.read(made.working / "session.json")
    assert (session.session_id, session.study_id, session.subject, session.day) == ("abc-day-04", "abc", "nobody", 4)
    assert (session.n_presentations, session.n_images, session.image_side_px) == (50, 20, 32)
    assert (session.trial.on_frames, session.trial.off_frames, session.trial.presentations_per_trial) == (6, 6, 6)
    trial, wanted = session.trial.model_dump(), made.protocol.trial.model_dump()
    same = set(trial) & set(wanted)
    assert len(same) == 10
    assert {name: trial[name] for name in same} == {name: wanted[name] for name in same}
    screen, timing = session.screen, made.protocol.presentation
    assert (screen.refresh_hz, screen.width_px, screen.height_px) == (60, 800, 600)
    assert (screen.image_scale, screen.visual_angle_deg, screen.grey_level) == (8, 8, 128)
    assert (screen.cm_per_px, screen.full_screen) == (timing.screen_cm_per_px, False)


def test_a_simulated_session_has_a_monkey_and_a_real_one_has_not(tmp_path: Path) -> None:
    made, _ = scheduled(tmp_path / "simulated")
    monkey = SessionDocument.read(made.working / "session.json").monkey
    assert monkey is not None
    assert (monkey.ignore_probability, monkey.leave_early_probability) == (0.10, 0.20)
    made, _ = scheduled(tmp_path / "real", simulated=False)
    session = SessionDocument.read(made.working / "session.json")
    assert (session.monkey, session.simulated) == (None, False)


def test_each_day_has_seeds_of_its_own(tmp_path: Path) -> None:
    sessions = []
    for day in (0, 1):
        made, _ = scheduled(tmp_path, day=day)
        sessions.append(SessionDocument.read(made.working / "session.json"))
    seeds = [(session.seed, session.monkey.seed if session.monkey else None) for session in sessions]
    assert len({*seeds[0], *seeds[1]}) == 4


def nearest_twin(shown: Columns) -> int:
    """Fewest presentations between a changed image and its clean one."""
    clean_of = stimulus_columns(ROWS)["clean_index"]
    image = shown["image_index"]
    places = np.arange(len(image))
    return min(
        abs(int(place - other))
        for place in places
        for other in places
        if clean_of[image[place]] == clean_of[image[other]] and image[place] >= N_CLEAN > image[other]
    )


MINUTES_EACH = 2.23 / 6 / 0.72 / 60
"""50 presentations take 50 / 6 / 0.72 trials of 2.23 s: 0.5162 s of the session each, breaks included."""


def test_an_order_that_keeps_twins_apart_is_the_one_of_versions_that_knew_no_other(tmp_path: Path) -> None:
    _, shown = scheduled(tmp_path)
    family = stimulus_columns(ROWS)["clean_index"][np.repeat(np.arange(20), [row["repetitions"] for row in ROWS])]
    made = context(tmp_path, "schedule")
    order = spread_order(family.astype(np.int64), seed=made.seed("order"))
    assert shown["image_index"].tolist() == np.repeat(np.arange(20), [3] * 10 + [2] * 10)[order].tolist()
    kept = {"twin_separation_min": nearest_twin(shown) * MINUTES_EACH * 0.999}
    assert scheduled(tmp_path, presentation=kept)[1]["image_index"].tolist() == shown["image_index"].tolist()


def test_where_twins_are_too_near_some_presentations_change_places(tmp_path: Path) -> None:
    _, shown = scheduled(tmp_path)
    nearest = nearest_twin(shown)
    _, apart = scheduled(tmp_path, presentation={"twin_separation_min": (nearest + 1) * MINUTES_EACH})
    assert nearest_twin(apart) > nearest
    assert sorted(apart["image_index"]) == sorted(shown["image_index"])
    moved = np.flatnonzero(apart["image_index"] != shown["image_index"])
    assert 0 < len(moved) < len(apart["image_index"]) / 2


def test_twins_nearer_than_asked_for_are_refused_with_both_numbers(tmp_path: Path) -> None:
    """Three showings of a clean image and two of its twin, each 17 from all others: five have no room among fifty."""
    place = f"{tmp_path}/protocol.yaml, presentation.twin_separation_min:"
    wanted = 17 * MINUTES_EACH
    with pytest.raises(ProtocolError) as error:
        scheduled(tmp_path, presentation={"twin_separation_min": wanted})
    said = re.fullmatch(
        rf"{re.escape(place)} expected {wanted:.6g} min between an image and its twin, found that ([\d.]+) min can be "
        "kept in this session. Lower it to that, or attack more different images.",
        str(error.value),
    )
    assert said is not None
    assert MINUTES_EACH * 0.9 < float(said[1]) < wanted


@pytest.mark.parametrize(
    ("minutes", "said"), [(10.97, 10.0), (2.89, 2.8), (0.02678, 0.026), (0.9999, 0.99), (123.4, 120.0), (0.0, 0.0)]
)
def test_minutes_are_said_in_two_digits_that_are_never_more(minutes: float, said: float) -> None:
    assert schedule.two_digits(minutes) == said


def test_a_day_of_clean_images_alone_has_no_twins_to_keep_apart(tmp_path: Path) -> None:
    _, shown = scheduled(tmp_path, rows=ROWS[:N_CLEAN], presentation={"twin_separation_min": 100.0})
    assert len(shown["image_index"]) == 30


@pytest.mark.parametrize("missing", ["stimuli.parquet", "images.h5"])
def test_nothing_is_scheduled_from_half_a_stimulus_set(tmp_path: Path, missing: str) -> None:
    made = context(tmp_path, "schedule")
    write_stimuli(made.paths, 0, ROWS)
    (made.published("synthesize") / missing).unlink()
    with refused(DocumentError, made.published("synthesize") / missing):
        schedule.run(made)
    assert not (made.working / "session.json").exists()
