"""The section of a day's page that says where the eye looked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.analysis.gaze import DIRECTIONS, direction_counts
from closedloop.artifacts.catalog import GAZE
from closedloop.report.gaze import figures
from closedloop.report.gaze.measures import DayGaze, TrackerFileNumbers, measure_day
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.reading import DayRecord, StudyRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent


def gaze_of_day(record: StudyRecord, day: DayRecord) -> PageSection | None:
    """Show a day's gaze; None where the session kept none."""
    manifest = day.manifests.get("present")
    gaze = measure_day(record.paths.at(day.session), day.day, names=tuple(manifest.outputs)) if manifest else None
    return None if gaze is None else section_of(gaze)


def section_of(gaze: DayGaze) -> PageSection:
    """Return the section."""
    tables = [_launches(gaze)] if gaze.launches else []
    placed = [one for one in gaze.files if one.clock is not None]
    unplaced = [one for one in gaze.files if one.clock is None]
    tables += [_files(placed)] if placed else []
    tables += [_unplaced(unplaced)] if unplaced else []
    return PageSection(
        "gaze",
        "Gaze",
        "Where the eye looked, by every sample that the rig consumed: what it judged fixation by."
        if gaze.launches
        else f"The rig kept no gaze samples ({GAZE.name}); the tracker's own file came with the session.",
        plates=_plates(gaze),
        tables=tuple(tables),
    )


def _plates(gaze: DayGaze) -> tuple[Plate, ...]:
    plates = []
    if gaze.n_up:
        part = gaze.n_within / gaze.n_up
        n_outside = gaze.n_up - int(gaze.counts.sum())
        beyond = f" {count(n_outside)} samples lie beyond the map." if n_outside else ""
        plates.append(
            plate(
                figures.density_map(gaze),
                "Gaze while images were up",
                caption=f"{count(gaze.n_up)} samples with an eye, rejected images included, {percent(part)} of them "
                f"within the fixation window (circle, {gaze.window_deg:g}° radius). Shades on a logarithmic scale; "
                f"white: no sample.{beyond}",
            )
        )
    if len(gaze.broken_deg):
        plates += [
            plate(figures.break_map(gaze), "Where fixation broke", caption=_where(gaze)),
            plate(figures.break_directions(gaze), "Which way it broke", caption=_which_way(gaze)),
        ]
    return tuple(plates)


def _where(gaze: DayGaze) -> str:
    places = figures.seen_breaks(gaze)
    n_unseen = len(gaze.broken_deg) - len(places)
    said = f"Each point a trial that the eye broke: where it was at the end of that trial (n = {count(len(places))}"
    said += f"; in {count(n_unseen)} more it was not seen any more)." if n_unseen else ")."
    if not len(places):
        return said
    median = float(np.median(np.hypot(*places.T)))
    return f"{said} Median distance from the fixation point {median:.1f}°. Circle: the fixation window."


def _which_way(gaze: DayGaze) -> str:
    counts = direction_counts(*gaze.broken_deg.T)
    n_unseen = len(gaze.broken_deg) - int(counts.sum())
    said = f"{count(len(gaze.broken_deg))} broken trials by the eighth of the circle that the eye went to"
    if counts.any():
        said += f", most often {DIRECTIONS[int(np.argmax(counts))]} ({count(int(counts.max()))})"
    return f"{said}; eye lost: a blink, or a lost pupil, and no sample outside of the window ({count(n_unseen)})."


def _launches(gaze: DayGaze) -> Table:
    return Table(
        columns=(
            "launch",
            "samples",
            "rate",
            "eye lost",
            "lost, image up",
            "distance, median",
            "95 %",
            "broken",
        ),
        rows=tuple(
            (
                f"{one.launch + 1}" + ("" if one.is_whole else " (cut)"),
                count(one.n_samples) + (f" + {count(one.n_elsewhere)} elsewhere" if one.n_elsewhere else ""),
                _rate(one.rate_hz),
                percent(one.lost),
                percent(one.lost_during_images),
                _degrees(one.median_deg),
                _degrees(one.most_deg),
                count(one.n_broken),
            )
            for one in gaze.launches
        ),
        caption="Rate: from the median time between two samples, as the rig got them. Eye lost: samples without a "
        "pupil, in blinks mostly; image up: of those while an image was on the screen. Distance from the fixation "
        "point then: the median, and what 95 % of the samples do not exceed. Broken: trials in which the eye left the "
        "window. Cut: the rig ended in the middle of a trial, whose samples are lost. Elsewhere: left out, their time "
        "is none of that launch.",
    )


def _files(files: Sequence[TrackerFileNumbers]) -> Table:
    return Table(
        columns=("tracker's file", "rate", "launch", "messages matched", "drift", "messages within", "placed by"),
        rows=tuple(_file_row(one) for one in files),
        caption="The tracker's own recording, at its own rate, placed on the rig's clock by the trials and digital "
        "codes that the rig told it. Drift: how much faster the rig's clock runs than the tracker's. Messages within: "
        "95 % of them are not further from the line.",
    )


def _file_row(one: TrackerFileNumbers) -> tuple[str, ...]:
    clock = one.clock
    if clock is None:
        raise ValueError(f"{one.name}: expected a file that has its place")
    return (
        one.name,
        _rate(one.rate_hz),
        str(clock.launch + 1),
        f"{count(clock.n_matched)} of {count(clock.n_received)}",
        f"{number(clock.fit.drift_ppm)} ppm",
        f"{number(clock.residual_95_ms)} ms",
        "codes" if clock.from_codes else "trials alone",
    )


def _unplaced(files: Sequence[TrackerFileNumbers]) -> Table:
    return Table(
        columns=("tracker's file", "why it has no place in the journal"),
        rows=tuple((one.name, one.said) for one in files),
        caption="These files are kept with the session all the same.",
        prose=True,
    )


def _degrees(value: float) -> str:
    return f"{number(value)}°" if np.isfinite(value) else DASH


def _rate(rate_hz: float | None) -> str:
    return DASH if rate_hz is None or not np.isfinite(rate_hz) else f"{rate_hz:,.0f} Hz"
