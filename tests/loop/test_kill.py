"""Killed anywhere, run again, same result: real processes, real SIGKILL, every stage of every day."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.loop.studies import ENVIRONMENT, PROTOCOL, command, dry_run, sensitivity

N_KILLS = 20
POLL_S = 0.002


def stage_seconds(study: Path) -> list[tuple[int, str, float]]:
    """Return (day, stage, seconds) of a finished study, in the order they ran."""
    with closing(sqlite3.connect(study / "ledger.sqlite")) as ledger:
        return ledger.execute("SELECT day, stage, seconds FROM stages ORDER BY updated").fetchall()


def planned_kills(study: Path) -> list[tuple[int, str, float, str]]:
    """Draw (day, stage, seconds into it, victim): each stage of each day once, then more; the rig at least twice."""
    draw = random.Random(20)
    stages = stage_seconds(study)
    chosen = [*stages, *draw.sample(stages, N_KILLS - len(stages))]
    order = {(day, stage): place for place, (day, stage, _) in enumerate(stages)}
    chosen.sort(key=lambda entry: order[entry[0], entry[1]])
    return [
        (day, stage, draw.uniform(0, seconds), "rig" if stage == "present" else "loop")
        for day, stage, seconds in chosen
    ]


def working_folder(study: Path, day: int, stage: str) -> Path:
    return study / ".start.partial" if day < 0 else study / f"day-{day:02d}" / f".{stage}.partial"


def kill_during(study: Path, day: int, stage: str, after_s: float, victim: str) -> bool:
    """Start the loop, kill it (or its rig) inside a stage; tell whether the kill hit before the loop ended."""
    arguments = ("dry-run", study, "--protocol", PROTOCOL)
    with subprocess.Popen(
        command(*arguments), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as loop:
        folder = working_folder(study, day, stage)
        while not folder.exists() and loop.poll() is None:
            time.sleep(POLL_S)
        target = wait_for_rig(loop) if victim == "rig" else running(loop)
        time.sleep(after_s)
        if loop.poll() is not None:
            return False
        if target is None or not target.is_running():  # the rig was faster: the loop dies in what it does next
            target = psutil.Process(loop.pid)
        target.send_signal(signal.SIGKILL)
        loop.wait()
        return True


def running(loop: subprocess.Popen[bytes]) -> psutil.Process | None:
    """Give the loop's process; None where the stage was done before and the loop has ended."""
    return psutil.Process(loop.pid) if loop.poll() is None else None


def wait_for_rig(loop: subprocess.Popen[bytes]) -> psutil.Process | None:
    while loop.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(loop.pid).children():
                if "rig" in child.cmdline():
                    return child
        time.sleep(POLL_S)
    return None


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_kills_over_all_stages_and_the_rig_change_no_byte_of_the_result(
    undisturbed: Path, tmp_path: Path
) -> None:
    kills = planned_kills(undisturbed)
    study = tmp_path / "study"
    hits = [kill_during(study, *kill) for kill in kills]
    finished = dry_run(study)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert sensitivity(study) == sensitivity(undisturbed)
    assert len(kills) == N_KILLS
    assert {stage for _, stage, _, _ in kills} == {stage for _, stage, _ in stage_seconds(undisturbed)}
    assert sum(hits) >= N_KILLS // 2, f"only {sum(hits)} of {N_KILLS} kills hit a running process"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_loop_killed_while_its_rig_presents_finds_the_orphan_and_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    with subprocess.Popen(
        command("dry-run", study, "--protocol", PROTOCOL),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as loop:
        rig = wait_for_rig(loop)
        assert rig is not None
        journal = study / "day-00" / ".present.partial" / "journal.jsonl"
        while not journal.exists() and loop.poll() is None:
            time.sleep(POLL_S)
        loop.kill()
    finished = dry_run(study)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert sensitivity(study) == sensitivity(undisturbed)
