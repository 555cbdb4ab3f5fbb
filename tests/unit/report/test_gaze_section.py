"""Gaze on a day's page: numbers known beforehand, figures that say them, and nothing where nothing was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.analysis.gaze import DIRECTIONS, density, direction_counts, during, landing
from closedloop.artifacts import catalog
from closedloop.artifacts.day.gaze.layout import BEGINS, ENDS, GazeHeader, mark_bytes, sample_bytes
from closedloop.artifacts.day.gaze.of_session import LaunchTimes, PlacedGaze
from closedloop.artifacts.day.journal_rows import Presentation, SessionEnded, TrialEnded, TrialStarted
from closedloop.artifacts.manifest import MANIFEST_NAME, describe_files, read_manifest
from closedloop.artifacts.study import StudyPaths
from closedloop.report import drawing
from closedloop.report.gaze.measures import DayGaze, measure
from closedloop.report.gaze.section import section_of
from closedloop.report.pages import write_report
from tests.equipment.edf_files import edf_bytes, trial_times_ms, write_edf
from tests.unit.report.conftest import manifest_of
from tests.unit.study.sessions import bring, launch, schedule, session_id, trial_rows, write_journal

WINDOW_DEG, RATE_HZ = 2.0, 500.0
NO_EYE = (float("nan"), float("nan"))


def placed(
    places: list[tuple[float, float]], *, images: list[tuple[float, float]], broken: list[tuple[float, float]] = ()
) -> PlacedGaze:  # type: ignore[assignment]
    """Return a launch with a sample every 2 ms from 10 s on."""
    time_s = 10.0 + np.arange(len(places)) / RATE_HZ
    x_deg, y_deg = np.array(places, np.float32).T
    times = LaunchTimes(
        launch=0,
        begin_s=9.0,
        end_s=20.0,
        image_s=np.array(images).reshape(-1, 2),
        image_codes=np.zeros(len(images), np.int64),
        trial=np.zeros(0, np.int64),
        trial_s=np.zeros(0),
        trial_codes=np.zeros(0, np.int64),
        broken_s=np.array(broken).reshape(-1, 2),
    )
    return PlacedGaze(times, time_s, x_deg, y_deg, n_elsewhere=0, is_whole=True)


def test_spans_hold_their_beginning_and_not_their_end() -> None:
    spans = np.array([[1.0, 2.0], [2.0, 2.5], [4.0, 4.0]])
    times = np.array([0.999, 1.0, 1.999, 2.0, 2.5, 4.0, 9.0])
    assert during(times, spans).tolist() == [False, True, True, True, False, False, False]
    assert not during(times, np.empty((0, 2))).any()


def test_density_counts_each_sample_in_its_own_square() -> None:
    x, y = np.array([-0.9, 0.1, 0.1, 5.0, np.nan], np.float32), np.array([0.9, -0.1, -0.1, 0.0, np.nan], np.float32)
    counts = density(x, y, half_width_deg=1.0, n_bins=2)
    assert counts.tolist() == [[0, 2], [1, 0]]  # rows from below, columns from the left


@pytest.mark.parametrize(("angle_deg", "name"), [(0, "right"), (44, "up right"), (92, "up"), (-90, "down")])
def test_directions_are_eighths_of_a_turn_around_their_names(angle_deg: float, name: str) -> None:
    x, y = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    counts = direction_counts(np.array([x, np.nan]), np.array([y, np.nan]))
    assert dict(zip(DIRECTIONS, counts.tolist(), strict=True)) == dict.fromkeys(DIRECTIONS, 0) | {name: 1}


def test_a_break_is_where_the_eye_went_and_not_where_it_had_been_before_the_trial() -> None:
    x = np.array([9, 9, 0, 0, 3, 7, 8, 8, 8, 8.5, 8.5, 8.5], np.float32)
    assert landing(x, np.zeros_like(x), radius_deg=2.0) == (8.5, 0.0)


def test_an_eye_that_is_not_seen_again_has_no_landing() -> None:
    x = np.array([9, 0, 0, np.nan, np.nan], np.float32)
    assert np.isnan(landing(x, x, radius_deg=2.0)).all()


def test_numbers_while_images_were_up_are_those_of_that_time_alone() -> None:
    up = [(0.1 * number, 0.0) for number in range(1, 41)] + [NO_EYE] * 10  # 50 samples: 100 ms
    away = [NO_EYE] * 25 + [(8.0, 0.0)] * 25
    gaze = measure([placed(away + up + away, images=[(10.1, 10.2)])], window_deg=WINDOW_DEG)
    [one] = gaze.launches
    assert (one.n_samples, one.rate_hz) == (150, pytest.approx(500.0))
    assert (one.lost, one.lost_during_images) == (pytest.approx(60 / 150), pytest.approx(10 / 50))
    assert (one.median_deg, one.most_deg) == (pytest.approx(2.05), pytest.approx(3.805))
    assert (gaze.n_up, gaze.n_within, int(gaze.counts.sum())) == (40, 20, 30)


def broken_gaze() -> DayGaze:
    centre, up, left = (0.0, 0.0), (0.0, 6.0), (-7.0, 0.5)
    samples = [centre] * 40 + [up] * 10 + [centre] * 40 + [left] * 10 + [centre] * 40 + [NO_EYE] * 10 + [up] * 50
    broken = [(10.0, 10.1), (10.1, 10.2), (10.2, 10.3)]
    return measure([placed(samples, images=[(10.0, 10.05)], broken=broken)], window_deg=WINDOW_DEG)


def test_each_break_has_its_place_and_direction_and_a_blink_has_none() -> None:
    gaze = broken_gaze()
    np.testing.assert_allclose(gaze.broken_deg, [(0.0, 6.0), (-7.0, 0.5), NO_EYE], rtol=1e-6)
    with drawing.style():
        section = section_of(gaze)
    directions = next(one for one in section.plates if one.title == "Which way it broke")
    assert [row[5] for row in directions.numbers] == ["0", "0", "1", "0", "1", "0", "0", "0", "1"]
    assert "(n = 2; in 1 more it was not seen any more)" in section.plates[1].caption
    assert section.tables[0].rows[0][-1] == "3"


def test_a_launch_without_images_or_an_eye_is_drawn_without_a_map() -> None:
    with drawing.style():
        section = section_of(measure([placed([NO_EYE] * 5, images=[])], window_deg=WINDOW_DEG))
    assert section.plates == ()
    assert section.tables[0].rows[0] == ("1", "5", "500 Hz", "100.0 %", "–", "–", "–", "0")


def with_gaze(paths: StudyPaths) -> None:
    """Add a session with an eye to day 0: one trial looked at, one broken to the right, and a tracker's file."""
    schedule(paths, 0)
    bring(paths, 0)
    broken = [
        row.model_copy(update={"outcome": "broken"}) if isinstance(row, TrialEnded) else row for row in trial_rows(1)
    ]
    rows = [launch(0, session_id(0)), *trial_rows(0), *broken]
    write_journal(paths, 0, [*rows, SessionEnded(outcome="complete", n_remaining=0, time_s=5.0)])
    folder = paths.folder("present", 0)
    ends_s = [row.time_s for row in rows if isinstance(row, TrialEnded)]
    content = [GazeHeader(simulated=False, session_id=session_id(0)).to_header(), mark_bytes(0, BEGINS)]
    for number in range(int(5.0 * RATE_HZ)):
        time_s = number / RATE_HZ
        content.append(sample_bytes(time_s, (7.0, 0.0) if time_s > ends_s[1] - 0.02 else (0.1, 0.0)))
    content.append(mark_bytes(0, ENDS))
    (folder / "gaze.bin").write_bytes(b"".join(content))
    write_edf(folder / "s0000000.edf", "test_2_raw.edf", edf_messages(rows))
    for stage in ("schedule", "present"):
        manifest_of(paths, 0, stage, simulated=False)
    sealed = read_manifest(folder)
    sealed.model_copy(update={"outputs": describe_files(folder)}).write(folder / MANIFEST_NAME)


def edf_messages(rows: list[Any]) -> list[tuple[int, str]]:
    start_ms = trial_times_ms(edf_bytes("test_2_raw.edf"))[0]
    told = [(row.time_s, f"closedloop trial {row.trial}") for row in rows if isinstance(row, TrialStarted)]
    told += [(row.time_s, f"closedloop code {row.code}") for row in rows if isinstance(row, TrialStarted)]
    told += [(row.onset_s, f"closedloop code {row.code}") for row in rows if isinstance(row, Presentation)]
    return sorted((start_ms + round(1000 * time_s), text) for time_s, text in told)


@pytest.mark.slow
def test_a_day_with_gaze_has_its_section_and_one_without_has_none(tmp_path: Path, build_study: Any) -> None:
    paths: StudyPaths = build_study(tmp_path / "study", n_evaluated=1, simulated=False, under_way=False)
    write_report(paths)
    before = (paths.report / "day-00.html").read_text()
    assert 'id="gaze"' not in before
    with_gaze(paths)
    write_report(paths)
    page = (paths.report / "day-00.html").read_text()
    assert 'id="gaze"' in page
    assert "<td>2,500</td><td>500 Hz</td><td>0.0 %</td>" in page
    assert "most often right (1)" in page
    assert "found 2 among 14" in page  # two trials make no line: said, and the file is kept
    assert 'id="gaze"' not in (paths.report / "index.html").read_text()
    figures = (paths.report / "day-00-figures.csv").read_text()
    assert "Where fixation broke" in figures
    (catalog.GAZE.published(paths, 0)).unlink()
    sealed = read_manifest(paths.folder("present", 0))
    left = {name: entry for name, entry in sealed.outputs.items() if name.endswith((".json", ".jsonl"))}
    sealed.model_copy(update={"outputs": left}).write(paths.folder("present", 0) / MANIFEST_NAME)
    write_report(paths)
    assert 'id="gaze"' not in (paths.report / "day-00.html").read_text()
