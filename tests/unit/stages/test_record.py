"""Record: the files of a simulated array, for the session that was presented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts.catalog import EVENTS, JOURNAL, SESSION, SESSION_IMAGES, VOLTAGE
from closedloop.artifacts.day.journal_rows import ROW, JournalRow, Presentation, TrialEnded, TrialStarted
from closedloop.artifacts.day.session import CodeSettings, SessionDocument
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.stages import record
from closedloop.stages.context import StageContext
from tests.unit.artifacts.day.test_session import MONKEY, SCREEN, TRIAL
from tests.unit.days import context, pixels

RECORDING = {"raw_days": [0], "raw_electrodes": 2, "specification": "2.3"}
SIMULATION = {"n_electrodes": 4}


def presentation(ordinal: int) -> Presentation:
    onset_s = 0.4 + 0.2 * ordinal
    return Presentation(
        ordinal=ordinal,
        trial=0,
        position=ordinal,
        presentation_index=ordinal,
        image_index=ordinal % 2,
        stimulus_id="x",
        repetition=0,
        code=1 + ordinal,
        onset_s=onset_s,
        offset_s=onset_s + 0.1,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="accepted",
    )


def recorded(root: Path, *, day: int = 0, **sections: dict[str, Any]) -> StageContext:
    """Record a trial of six presentations of two images."""
    wanted: dict[str, Any] = {"recording": RECORDING, "simulation": SIMULATION}
    made = context(root, "recording", day=day, **{name: wanted[name] | sections.get(name, {}) for name in wanted})
    SessionDocument(
        simulated=True,
        session_id=f"abc-day-{day:02d}",
        study_id="abc",
        subject="nobody",
        day=day,
        seed=1,
        n_presentations=6,
        n_images=2,
        image_side_px=8,
        screen=SCREEN,
        trial=TRIAL,
        codes=CodeSettings(),
        monkey=MONKEY,
    ).write(made.path(SESSION))
    np.save(made.path(SESSION_IMAGES), pixels(2))
    rows: list[JournalRow] = [
        TrialStarted(trial=0, code=200, time_s=0.0),
        *(presentation(ordinal) for ordinal in range(6)),
        TrialEnded(trial=0, outcome="completed", reward_ms=120, time_s=1.7),
    ]
    made.path(JOURNAL).parent.mkdir(parents=True, exist_ok=True)
    made.path(JOURNAL).write_bytes(b"".join(ROW.dump_json(row) + b"\n" for row in rows))
    record.run(made)
    return made


def channels(made: StageContext) -> int:
    return len(read_nsx_header(made.output(VOLTAGE)).channels)


def test_a_processor_leaves_its_events_with_the_sessions_name_and_its_voltage(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    assert sorted(path.name for path in made.working.iterdir()) == [EVENTS.name, VOLTAGE.name]
    assert b"abc-day-00" in made.output(EVENTS).read_bytes()


def test_two_processors_leave_files_of_their_own(tmp_path: Path) -> None:
    made = recorded(tmp_path, simulation={"n_processors": 2})
    names = {path.name for path in made.working.iterdir()}
    assert names == {"array1.nev", "array1.ns6", "array2.nev", "array2.ns6"}


def test_raw_voltage_is_written_on_the_days_that_ask_for_it_and_the_photodiode_always(tmp_path: Path) -> None:
    assert channels(recorded(tmp_path / "raw")) == 2 + 1
    assert channels(recorded(tmp_path / "later", day=1)) == 1


def test_a_day_is_recorded_the_same_again_and_another_day_differently(tmp_path: Path) -> None:
    first, second, other = (recorded(tmp_path / name, day=day) for name, day in (("a", 1), ("b", 1), ("c", 2)))
    assert first.output(VOLTAGE).read_bytes() == second.output(VOLTAGE).read_bytes()
    assert first.output(EVENTS).read_bytes() == second.output(EVENTS).read_bytes()
    assert first.output(EVENTS).read_bytes() != other.output(EVENTS).read_bytes()
