"""What the rig hands back from a session of a real study, as documents alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from closedloop.artifacts.catalog import JOURNAL, PRESENTATIONS, SESSION, SUMMARY
from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    SessionEnded,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.session import CodeSettings, SessionDocument
from closedloop.artifacts.day.session_summary import summarize
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import write_bytes
from tests.unit.artifacts.day.test_session import SCREEN, TRIAL

STUDY_ID = "abc"
N_PRESENTATIONS, N_IMAGES, PER_TRIAL = 10, 5, TRIAL.presentations_per_trial


def session_id(day: int, block: int = 1) -> str:
    """Return the name of a day's session."""
    return f"{STUDY_ID}-day-{day:02d}" + ("" if block == 1 else f".{block}")


def session_document(day: int, block: int = 1) -> SessionDocument:
    """Return what schedule says of a day's session with an animal."""
    return SessionDocument(
        simulated=False,
        session_id=session_id(day, block),
        study_id=STUDY_ID,
        subject="monkey",
        day=day,
        block=block,
        seed=1,
        n_presentations=N_PRESENTATIONS,
        n_images=N_IMAGES,
        image_side_px=32,
        screen=SCREEN,
        trial=TRIAL,
        codes=CodeSettings(),
        monkey=None,
    )


def schedule(paths: StudyPaths, day: int) -> None:
    """Write a day's session.json and presentations.parquet where schedule would."""
    write_schedule(SESSION.published(paths, day).parent, day)


def write_schedule(folder: Path, day: int, *, block: int = 1) -> None:
    """Write what the rig is to show, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    session_document(day, block).write(folder / SESSION.name)
    write_bytes(folder / PRESENTATIONS.name, planned_presentations())


def planned_presentations() -> bytes:
    """Return presentations.parquet as bytes: arrow writes files by itself, unheard by who listens to Python."""
    index = np.arange(N_PRESENTATIONS)
    columns = {
        "presentation_index": index,
        "stimulus_id": [stimulus(image) for image in index % N_IMAGES],
        "image_index": index % N_IMAGES,
        "repetition": index // N_IMAGES,
    }
    with TemporaryDirectory() as folder:
        place = Path(folder) / PRESENTATIONS.name
        PRESENTATIONS.write(place, columns, simulated=False)
        return place.read_bytes()


def stimulus(image: int) -> str:
    """Return the name of an image's bytes."""
    return f"{image:016x}"


def bring(paths: StudyPaths, day: int, *, segments: tuple[str, ...] | None = None, **values: Any) -> None:
    """Write what the rig writes, with some values of its summary changed.

    Parameters
    ----------
    paths, day
        Whose.
    segments
        The session that each start of the rig says, one or two; the day's own, once, by default.
    values
        Of the summary.
    """
    number = paths.block(day).number
    write_journal(paths, day, list(rows_of(segments or (session_id(day, number),))))
    counted = summarize(session_document(day, number), read_journal(JOURNAL.published(paths, day)))
    counted.model_copy(update=values).write(SUMMARY.published(paths, day))


def write_journal(paths: StudyPaths, day: int, rows: list[JournalRow]) -> None:
    """Write a day's journal of chained lines."""
    place = JOURNAL.published(paths, day)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(journal_bytes(rows))


def rows_of(segments: tuple[str, ...]) -> Iterator[JournalRow]:
    """Yield a session of two trials; a second launch, if there is one, comes between them."""
    yield launch(0, segments[0])
    for trial in (0, 1):
        if trial < len(segments) and trial:
            yield launch(trial, segments[trial])
        yield from trial_rows(trial)
    yield SessionEnded(outcome="complete", n_remaining=0, time_s=5.0)


def launch(number: int, name: str, **changes: Any) -> LaunchOpened:
    """Return a launch of the rig in a laboratory, before the trial of its number."""
    values: dict[str, Any] = {"simulated": False, "display": "psychopy", "clock": "real", "refresh_hz": 60}
    values |= {"pacing": "vblank", "gaze": "EyeLink", "codes": "parallel", "utc": "2022-01-03T09:00:00Z"}
    values |= {"first_ordinal": PER_TRIAL * number, "first_trial": number, "time_s": 2.0 * number}
    return LaunchOpened(**{"segment": number, "session_id": name} | values | changes)


def trial_rows(trial: int) -> Iterator[JournalRow]:
    """Yield a completed trial, which begins every 2 s; its images come every 200 ms, from 400 ms on."""
    codes, start_s = CodeSettings(), 2.0 * trial
    yield TrialStarted(trial=trial, code=codes.trial(trial), time_s=start_s)
    ordinals = range(PER_TRIAL * trial, min(PER_TRIAL * (trial + 1), N_PRESENTATIONS))
    for position, ordinal in enumerate(ordinals):
        image, onset_s = ordinal % N_IMAGES, round(start_s + 0.4 + 0.2 * position, 6)
        yield Presentation(
            ordinal=ordinal,
            trial=trial,
            position=position,
            presentation_index=ordinal,
            image_index=image,
            stimulus_id=stimulus(image),
            repetition=ordinal // N_IMAGES,
            code=codes.presentation(ordinal),
            onset_s=onset_s,
            offset_s=round(onset_s + 0.1, 6),
            planned_on_frames=TRIAL.on_frames,
            on_frames=TRIAL.on_frames,
            planned_off_frames=TRIAL.off_frames,
            outcome="accepted",
        )
    yield TrialEnded(trial=trial, outcome="completed", reward_ms=TRIAL.reward_ms, time_s=start_s + 1.8)
