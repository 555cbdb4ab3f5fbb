"""The timing report of a rehearsal: one HTML file that needs nothing else, readable on a screen and on a telephone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.day.session import SessionDocument
from rig.display.display import DisplayFacts
from rig.pages.figures import counted, histogram, over_time
from rig.pages.sheet import CSS
from rig.rehearsal.timing import TimingRecord

_MOST_MISSED = 1e-4  # of flips: one in three minutes at 60 Hz; a rig with more loses images all day
_LATE_CODE_MS = 1.0  # a recorder's clock ticks every 33 us: a code this late is seen beside the photodiode's edge
_MOST_UPLOAD_MS = 0.1  # an image; measured on a plain computer with the raw path

_OTHERS_AT_WORK = (
    "Close other programs, turn the desktop's effects and power saving off, and rehearse again for as long as you work."
)


@dataclass(frozen=True)
class Verdict:
    """A sentence on one thing, PASS, WARN or FAIL, as `rig check` says them; and what to do where it is not good."""

    status: Literal["PASS", "WARN", "FAIL"]
    words: str
    remedy: str = ""


@dataclass(frozen=True)
class Rehearsed:
    """What there is to report.

    Attributes
    ----------
    session
        session.json, as it was shown.
    journal
        What the rig wrote.
    record
        What was measured beside it.
    facts
        Of the display.
    """

    session: SessionDocument
    journal: Journal
    record: TimingRecord
    facts: DisplayFacts


def timing_report(rehearsed: Rehearsed) -> str:
    """Return the report as HTML."""
    launch, session = rehearsed.journal.launches[-1], rehearsed.session
    title = f"Rehearsal of {session.session_id}"
    verdicts = "".join(
        f'<li class="{ {"PASS": "good", "WARN": "warn", "FAIL": "bad"}[verdict.status] }"><b>{verdict.status}</b> '
        f"{escape(f'{verdict.words} {verdict.remedy}')}</li>"
        for verdict in judge(rehearsed)
    )
    cards = "".join(
        f'<section class="card"><h2>{escape(head)}</h2>{figure}<p>{escape(words)}</p></section>'
        for head, figure, words in _cards(rehearsed)
    )
    facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _facts(rehearsed))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{CSS}</style>"
        f'<p class="mark">REHEARSAL: a scripted monkey on the rig’s display. Never data.</p><h1>{escape(title)}</h1>'
        f"<p>{escape(session.subject)}; {escape(_date(launch.utc))}</p>"
        f"<p><b>{escape(closing_line(tuple(judge(rehearsed))))}</b></p>"
        f'<ul class="verdicts">{verdicts}</ul><div class="cards">{cards}</div><h2>The rig</h2>'
        f"<table>{facts}</table></html>"
    )


def judge(rehearsed: Rehearsed) -> Iterator[Verdict]:
    """Yield what is good and what is not, a sentence each."""
    record, facts = rehearsed.record, rehearsed.facts
    if facts.pacing == "timer":
        words = "A timer paced the flips, not a screen: nothing here holds for the screen of a rig."
        yield Verdict("WARN", words, "Rehearse on the rig's own.")
    yield _judge_flips(record)
    yield _judge_images(rehearsed)
    if len(record.code_s):
        late = np.asarray(record.code_s) * 1000
        transport = rehearsed.journal.launches[-1].codes
        words = f"Codes left {_spread(late, 'ms')} after their flip (transport: {transport})."
        if transport == "file":
            yield Verdict("WARN", "No code left the rig.", "Set codes in rig.yaml, or their way is not rehearsed.")
        elif np.quantile(late, 0.99) > _LATE_CODE_MS:
            yield Verdict("WARN", words, f"Expected {_LATE_CODE_MS:g} ms at most: look at the port and its driver.")
        else:
            yield Verdict("PASS", words)
    if len(record.upload_s):
        each = _upload_ms(record)
        words = f"An image was uploaded in {_spread(each, 'ms')}, in the interval between trials."
        expected = f"Expected {_MOST_UPLOAD_MS:g} ms at the median: the interval is longer for it; no image is."
        is_good = np.median(each) <= _MOST_UPLOAD_MS
        yield Verdict("PASS", words) if is_good else Verdict("WARN", words, expected)


def closing_line(verdicts: Sequence[Verdict]) -> str:
    """Return what the verdicts come to."""
    n = Counter(verdict.status for verdict in verdicts)
    kept = "Did not keep time" if n["FAIL"] else "Kept time, with doubts" if n["WARN"] else "Kept time"
    return f"{kept}: {n['FAIL']} FAIL, {n['WARN']} WARN, {n['PASS']} PASS."


def _judge_flips(record: TimingRecord) -> Verdict:
    frames = np.asarray(record.flip_frames)[1:]  # the first has none before it
    n_missed = int((frames - 1).sum())
    n = len(frames)
    if not n:
        return Verdict("FAIL", "No flip was measured.")
    words = f"{n_missed:,} frames were missed in {n:,} flips"
    if not n_missed:
        return Verdict("PASS", f"{words}.")
    words += f" ({100 * n_missed / n:.3f} %), at most {int(frames.max()) - 1} in a row."
    return Verdict("FAIL" if n_missed > _MOST_MISSED * n else "WARN", words, _OTHERS_AT_WORK)


def _judge_images(rehearsed: Rehearsed) -> Verdict:
    rows = rehearsed.journal.presentations
    wrong = Counter(row.reason for row in rows if row.reason in ("frames_dropped", "grey_frames_wrong"))
    n_wrong = wrong.total()
    kinds = ", ".join(f"{n} {str(reason).replace('_', ' ')}" for reason, n in sorted(wrong.items(), key=str))
    if not n_wrong:
        n_whole = sum(1 for _ in _whole(rehearsed))
        cut = f" {len(rows) - n_whole:,} more were cut short, most by a broken fixation." if len(rows) > n_whole else ""
        return Verdict("PASS" if n_whole else "FAIL", f"{n_whole:,} images were up for their planned frames.{cut}")
    share = n_wrong / len(rows)
    words = f"{n_wrong:,} of {len(rows):,} images ({100 * share:.2f} %) had other frames than planned: {kinds}."
    return Verdict("FAIL" if share > 0.01 else "WARN", words, _OTHERS_AT_WORK)


def _upload_ms(record: TimingRecord) -> NDArray[np.float64]:
    each: NDArray[np.float64] = np.asarray(record.upload_s) / np.maximum(np.asarray(record.n_uploaded), 1) * 1000
    return each


def _cards(rehearsed: Rehearsed) -> Iterator[tuple[str, str, str]]:
    """Yield the figures: title, picture, what it shows."""
    record, session = rehearsed.record, rehearsed.session
    times = np.asarray(record.flip_s)
    intervals_ms = np.diff(times) * 1000
    planned_ms = 1000.0 / session.screen.refresh_hz
    missed = np.asarray(record.flip_frames, dtype=np.float64)[1:] - 1
    yield (
        "Intervals between flips",
        histogram(intervals_ms, x="interval, ms", marked=planned_ms),
        f"{_spread(intervals_ms, 'ms')}; planned {planned_ms:.2f} ms (dashed). Uploads make some longer.",
    )
    yield (
        "Missed frames over time",
        over_time(times[1:], missed, y="missed frames"),
        "A screen that is fit has none; many at one time have a cause outside of the rig.",
    )
    yield (
        "Intervals over time",
        over_time(times[1:], intervals_ms, y="ms", worst=True),
        "Line: the middle; dots: the longest. What rises over the rehearsal will go on rising over a session.",
    )
    on = np.array([row.on_frames for row in _whole(rehearsed)], dtype=np.int64)
    yield (
        "Frames that an image was up",
        counted(on, x="frames", planned=session.trial.on_frames),
        f"Planned: {session.trial.on_frames}. An image with another count is rejected and shown again.",
    )
    grey = np.array([row.grey_frames for row in _whole(rehearsed) if row.grey_frames is not None], dtype=np.int64)
    yield (
        "Frames of grey before an image",
        counted(grey, x="frames", planned=session.trial.off_frames),
        f"Planned: {session.trial.off_frames}; the first image of a trial has none.",
    )
    yield (
        "Digital codes after their flip",
        histogram(np.asarray(record.code_s) * 1000, x="ms"),
        "Until the port has taken the code. The light comes later still: the photodiode says when.",
    )
    yield (
        "Uploads",
        histogram(_upload_ms(record), x="ms an image"),
        "The images of a trial are taken up in the interval before it.",
    )


def _whole(rehearsed: Rehearsed) -> Iterator[Presentation]:
    """Yield the images that no broken fixation and no end cut short."""
    cut = ("fixation_broken", "session_stopped", "paused", "skipped")
    yield from (row for row in rehearsed.journal.presentations if row.reason not in cut)


def _facts(rehearsed: Rehearsed) -> Iterator[tuple[str, str]]:
    facts, launch, trial = rehearsed.facts, rehearsed.journal.launches[-1], rehearsed.session.trial
    times: Sequence[float] = rehearsed.record.flip_s
    yield "session", f"{rehearsed.session.session_id}, {rehearsed.session.n_presentations:,} presentations planned"
    yield "rehearsed", f"{(times[-1] - times[0]) / 60 if times else 0.0:.1f} min, {len(times):,} flips"
    yield "rig", launch.rig or "without a description (--rig FILE)"
    yield "screen", f"{facts.width_px} x {facts.height_px}, grey {facts.grey_level}, gamma ramp {facts.gamma}"
    yield "drawn by", facts.renderer
    yield "frames", _frames_in_words(facts, launch.refresh_hz)
    yield "priority", "before other programs" if facts.priority else "as other programs: they may delay a frame"
    yield "trial", f"{trial.presentations_per_trial} images, {trial.on_frames} frames on, {trial.off_frames} off"
    yield "versions", ", ".join(f"{name} {number}" for name, number in launch.versions.items())


def _frames_in_words(facts: DisplayFacts, refresh_hz: float) -> str:
    counter = {"oml": "the graphics card", "timer": "the time between flips", "virtual": "a virtual clock"}
    counted_by = f"counted by {counter[facts.frame_counter]}"
    if facts.pacing == "timer":
        return f"flips wait for no screen: a timer paces them, {refresh_hz:g} a second; {counted_by}"
    rate = f"{facts.measured_hz:.2f} Hz measured, " if facts.measured_hz else ""
    return f"{rate}paced by {'the screen' if facts.pacing else 'a virtual clock'}, {counted_by}"


def _date(utc: str | None) -> str:
    return f"{datetime.fromisoformat(utc):%Y-%m-%d %H:%M} UTC" if utc else "a virtual clock"


def _spread(values: NDArray[np.float64], unit: str) -> str:
    """Return the middle and the worst of values, in words."""
    if not len(values):
        return "none"
    middle, late, worst = (float(value) for value in np.quantile(values, (0.5, 0.99, 1.0)))
    return f"{middle:.3f} {unit} at the median, {late:.3f} at the 99th percentile, {worst:.3f} at worst"
