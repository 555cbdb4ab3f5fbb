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

from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, PROTOCOL, command, dry_run, gate_reports, sensitivity

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


def stage_folders(study: Path, day: int, stage: str) -> tuple[Path, Path]:
    """Give the folder a stage works in and the one its result is renamed to."""
    parent = study if day < 0 else study / f"day-{day:02d}"
    name = "start" if day < 0 else stage
    return parent / f".{name}.partial", parent / name


def kill_during(study: Path, day: int, stage: str, after_s: float, victim: str) -> bool:
    """Start the loop, kill it (or its rig) inside a stage; tell whether the kill hit before the loop ended.

    A stage may be faster here than it was undisturbed (a cold cache then, a warm one now) and a rig faster than
    its kill: the loop is then killed in what it does next, so that it never runs on past later kills.
    """
    working, done = stage_folders(study, day, stage)
    with Child[bytes](
        command("dry-run", study, "--protocol", PROTOCOL),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as loop:
        while not (working.exists() or done.exists()) and loop.poll() is None:
            time.sleep(POLL_S)
        target = wait_for_rig(loop, done) if victim == "rig" else None
        deadline = time.monotonic() + after_s
        while time.monotonic() < deadline and not done.exists() and loop.poll() is None:
            time.sleep(POLL_S)
        if loop.poll() is not None:
            return False
        if target is None or not target.is_running():
            target = psutil.Process(loop.pid)
        target.send_signal(signal.SIGKILL)
        loop.wait()
        return True


def wait_for_rig(loop: subprocess.Popen[bytes], done: Path) -> psutil.Process | None:
    """Wait for the rig's process; None where presenting was done without our seeing it, or the loop has ended."""
    while loop.poll() is None and not done.exists():
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
    assert gate_reports(study) == gate_reports(undisturbed)
    assert len(kills) == N_KILLS
    assert {stage for _, stage, _, _ in kills} == {stage for _, stage, _ in stage_seconds(undisturbed)}
    assert sum(hits) >= N_KILLS // 2, f"only {sum(hits)} of {N_KILLS} kills hit a running process"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_loop_killed_while_its_rig_presents_finds_the_orphan_and_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    with Child[bytes](
        command("dry-run", study, "--protocol", PROTOCOL),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as loop:
        rig = wait_for_rig(loop, study / "day-00" / "present")
        assert rig is not None
        journal = study / "day-00" / ".present.partial" / "journal.jsonl"
        while not journal.exists() and loop.poll() is None:
            time.sleep(POLL_S)
        loop.kill()
    finished = dry_run(study)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert sensitivity(study) == sensitivity(undisturbed)
    assert gate_reports(study) == gate_reports(undisturbed)
