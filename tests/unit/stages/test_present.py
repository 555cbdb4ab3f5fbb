"""Present: the rig as a process of its own, on a session of a few images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.catalog import JOURNAL, SESSION_IMAGES, SUMMARY
from closedloop.artifacts.day.journal import Journal, SessionSummary, read_journal
from closedloop.errors import SessionError
from closedloop.stages import present, schedule
from closedloop.stages.context import StageContext
from tests.unit.days import SIDE_PX, context, publish, stimulus, write_stimuli
from tests.unit.messages import refused

ROWS = [stimulus("clean", "clean", number, repetitions=4) for number in range(3)]
SECTIONS: dict[str, Any] = {"presentation": {"twin_separation_min": 0.0}, "images": {"side_px": SIDE_PX}}


def scheduled(root: Path) -> StageContext:
    """Publish a session of three images, four times each; return the surroundings of its presentation."""
    session = context(root, "schedule", **SECTIONS)
    write_stimuli(session.paths, 0, ROWS)
    schedule.run(session)
    publish(session)
    return context(root, "present")


def accepted(journal: Journal) -> list[int]:
    return [row.presentation_index for row in journal.presentations if row.outcome == "accepted"]


def test_every_presentation_is_shown_until_it_is_accepted(tmp_path: Path) -> None:
    made = scheduled(tmp_path)
    present.run(made)
    summary = SessionSummary.read(made.output(SUMMARY))
    assert (summary.session_id, summary.simulated, summary.outcome) == ("abc-day-00", True, "complete")
    assert (summary.n_accepted, summary.n_remaining) == (12, 0)
    assert sorted(accepted(read_journal(made.output(JOURNAL)))) == list(range(12))


def test_a_killed_presentation_goes_on_with_its_journal(tmp_path: Path) -> None:
    made = scheduled(tmp_path)
    present.run(made)
    whole = made.output(JOURNAL).read_text().splitlines(keepends=True)
    first_half = "".join(whole[: len(whole) // 2])
    made.output(JOURNAL).write_text(first_half)
    made.output(SUMMARY).unlink()
    present.run(made)
    assert made.output(JOURNAL).read_text().startswith(first_half)
    journal = read_journal(made.output(JOURNAL))
    assert len(journal.launches) == 2
    assert sorted(accepted(journal)) == list(range(12))


def test_what_the_rig_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    made = scheduled(tmp_path)
    images = made.path(SESSION_IMAGES)
    np.save(images, np.load(images)[::-1])
    with refused(SessionError, "rig present ended with code 1 and said:", str(images)):
        present.run(made)


def stand_in_for_the_rig(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let `python -m rig` be another program."""
    (folder / "programs" / "rig").mkdir(parents=True)
    (folder / "programs" / "rig" / "__init__.py").touch()
    (folder / "programs" / "rig" / "__main__.py").write_text(program)
    monkeypatch.chdir(folder)  # or the rig beside us is found first
    monkeypatch.setenv("PYTHONPATH", str(folder / "programs"))


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL. "),
        ("sys.exit(130)", "found it asked to end. "),
    ],
)
def test_a_rig_that_is_killed_under_the_loop_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, found: str
) -> None:
    made = scheduled(tmp_path)
    stand_in_for_the_rig(tmp_path, monkeypatch, f"import os, signal, sys\n{ends}\n")
    remedy = "Run the same command again: the journal is kept"
    with refused(
        SessionError, str(made.working), "expected rig present, which this command had started", found, remedy
    ):
        present.run(made)


def test_a_session_with_something_left_to_show_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rig that ends well although it left three presentations is a program of nothing, beside its summary."""
    made = scheduled(tmp_path)
    present.run(made)
    summary = SUMMARY.read(made.output(SUMMARY))
    summary.model_copy(update={"outcome": "stopped", "n_remaining": 3}).write(made.output(SUMMARY))
    stand_in_for_the_rig(tmp_path, monkeypatch, "")
    with refused(SessionError, str(made.working), "expected every presentation accepted, found 3 left. Run again."):
        present.run(made)
