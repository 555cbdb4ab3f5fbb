"""A session in a PsychoPy window with a real keyboard: frames, pixels, a late answer, a kill, Escape and its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.artifacts.discrimination.journal import DiscriminationJournal, check_belongs, read_answers
from tests.equipment.processes import Child
from tests.equipment.two_heads import TwoHeads, lift_finger, soon, wait_until
from tests.unit.studies.discrimination.experiments import small_experiment

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_TRIALS = 13  # three pairs of four kinds, and a catch trial


@pytest.fixture
def experiment(tmp_path: Path) -> OpenExperiment:
    task = DiscriminationTask(pause_ms=50.0, answer_s=2.0)
    return small_experiment(tmp_path / "e", n_sessions=1, pairs_a_session=3, catch_every=12, task=task)


class Subject:
    """A person at the keyboard, who reads in the journal what was on the screen."""

    def __init__(self, desktop: TwoHeads, experiment: OpenExperiment) -> None:
        self._desktop, self._path = desktop, experiment.paths.journal("S07", 1)

    def journal(self) -> DiscriminationJournal | None:
        return read_answers(self._path) if self._path.is_file() else None

    def counts(self) -> tuple[int, int]:
        """Return how many trials were begun and how many answered."""
        found = self.journal()
        return (0, 0) if found is None else (sum(found.begun.values()), len(found.answers))

    def press_until(self, key: str, holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Press a key, and again where nothing came of it: a slow program finds no dozen of presses afterwards."""

        def done() -> bool:
            return holds() or process.poll() is not None

        def pressed() -> bool:
            self._desktop.press(key)
            return soon(done)

        wait_until(pressed, f"what {key} is to do")

    def leave(self, process: subprocess.Popen[str]) -> None:
        """Press Escape, and again to confirm it."""

        def pressed() -> bool:
            lift_finger()
            self._desktop.press("Escape")
            return process.poll() is not None

        wait_until(pressed, "Escape to be confirmed")

    def answer(self, n: int, process: subprocess.Popen[str], *, key: str = "j") -> None:
        """Start, and answer until so many trials have an answer."""
        n_begun, _ = self.counts()
        self.press_until("space", lambda: self.counts()[0] > n_begun, process)
        self.press_until(key, lambda: self.counts()[1] >= n, process)


def command(experiment: OpenExperiment, *options: str) -> list[str]:
    folder = str(experiment.paths.root)
    return [sys.executable, "-m", "rig", "discriminate", folder, "--subject", "S07", "--session", "1", *options]


def test_a_session_that_is_killed_and_left_by_escape_comes_to_its_end_with_every_frame_and_pixel(
    two_heads: TwoHeads, experiment: OpenExperiment
) -> None:
    subject, environment = Subject(two_heads, experiment), two_heads.environment
    with Child(command(experiment), env=environment, stderr=subprocess.PIPE, text=True) as process:
        subject.answer(3, process)
        process.send_signal(signal.SIGKILL)
    killed = subject.journal()
    with Child(command(experiment), env=environment, stderr=subprocess.PIPE, text=True) as process:
        subject.answer(6, process, key="f")
        subject.leave(process)
        _, said = process.communicate()
    assert process.returncode == 130, said
    assert "stopped. It goes on: rig discriminate" in said
    with Child(
        command(experiment, "--audit-pixels", "9"), env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        subject.answer(N_TRIALS, process)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert "images were read back from the screen, equal in every pixel" in said
    journal = subject.journal()
    assert journal is not None
    assert killed is not None
    assert journal.rows[: len(killed.rows)] == killed.rows
    check_belongs(journal.rows, experiment, place="journal")
    assert journal.is_finished
    assert sorted(row.trial for row in journal.answers) == list(range(N_TRIALS))
    assert {row.answer for row in journal.answers} == {"same", "different"}
    assert {launch.front_end for launch in journal.launches} == {"psychopy"}
    planned = round(0.1 * journal.launches[0].refresh_hz)
    assert all(min(row.n_frames) >= planned for row in journal.answers)


def test_a_person_who_says_nothing_is_asked_no_longer_than_the_task_says(
    two_heads: TwoHeads, experiment: OpenExperiment
) -> None:
    subject = Subject(two_heads, experiment)
    with Child(command(experiment), env=two_heads.environment, stderr=subprocess.PIPE, text=True) as process:
        subject.press_until("space", lambda: subject.counts()[0] > 0, process)
        wait_until(lambda: subject.counts()[1] >= 2 or process.poll() is not None, "two trials without an answer")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130, said
    journal = subject.journal()
    assert journal is not None
    assert [(row.answer, row.reaction_ms) for row in journal.answers[:2]] == [(None, None)] * 2
