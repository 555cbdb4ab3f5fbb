"""A service is killed at random moments, and so are its loops and its rigs: the study is what it would have been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.loop.served import POLL_S, Laboratory, doing, outputs, started_for
from tests.loop.studies import sensitivity
from tests.loop.test_kill import stage_folders, stage_seconds

N_KILLS = int(os.environ.get("SERVE_KILLS", "6"))
SEED = int(os.environ.get("SERVE_KILLS_SEED", "13"))
VICTIMS = ("service", "loop", "rig")


def planned(undisturbed: Path) -> Iterator[tuple[int, str, float, str]]:
    """Draw (day, stage, seconds into it, victim), in the order of the stages: each victim as often as the others."""
    draw = random.Random(SEED)
    stages = stage_seconds(undisturbed)
    presents = [one for one in stages if one[1] == "present"]
    chosen = []
    for number in range(N_KILLS):
        victim = VICTIMS[number % len(VICTIMS)]
        chosen.append((*draw.choice(presents if victim == "rig" else stages), victim))
    chosen.sort(key=lambda one: stages.index(one[:3]))
    for day, stage, seconds, victim in chosen:
        yield day, stage, draw.uniform(0, seconds), victim


def await_moment(study: Path, day: int, stage: str, after_s: float, service: subprocess.Popen[bytes]) -> None:
    """Wait until a stage has been at work for so long, or is done."""
    working, done = stage_folders(study, day, stage)
    while not (working.exists() or done.exists()) and service.poll() is None:
        assert_nothing_computes_beside_a_loop(study, service)
        time.sleep(POLL_S)
    end = time.monotonic() + after_s
    while time.monotonic() < end and not done.exists() and service.poll() is None:
        time.sleep(POLL_S)


def await_rig(study: Path, day: int, service: subprocess.Popen[bytes]) -> None:
    """Wait until a rig is at work on a day, or the day is presented."""
    while not doing(study, "present") and not stage_folders(study, day, "present")[1].exists():
        assert_nothing_computes_beside_a_loop(study, service)
        assert service.poll() is None
        time.sleep(POLL_S)


def assert_nothing_computes_beside_a_loop(study: Path, service: psutil.Popen) -> None:
    """Check that all that was started for a study is younger than the loop: what an earlier one started has ended.

    What a killed rig had started may outlive it for a moment; it is of the loop that runs.
    """
    began, words = {}, {}
    loops = []
    for process in started_for(study):
        with suppress(psutil.NoSuchProcess):
            began[process.pid], words[process.pid] = process.create_time(), process.cmdline()
            if process.ppid() == service.pid:
                loops.append(process.pid)
    older = {number: words[number] for number in began for loop in loops if began[number] < began[loop]}
    assert not older, (older, [words[loop] for loop in loops])


def kill(study: Path, victim: str, service: psutil.Popen) -> str:
    """Kill the victim, or the loop where no rig is at work, or the service where there is no loop; return which."""
    words = {"loop": ("run",), "rig": ("present", "run")}.get(victim, ())
    for word in words:
        for process in doing(study, word):
            with suppress(psutil.NoSuchProcess):
                process.kill()
                return "rig" if word == "present" else "loop"
    service.send_signal(signal.SIGKILL)
    service.wait()
    return "service"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_service_its_loops_and_its_rigs_killed_at_random_moments_change_no_byte(
    undisturbed: Path, tmp_path: Path
) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    killed = []
    with ExitStack() as stack:
        service = stack.enter_context(laboratory.serving(study))
        for moment in planned(undisturbed):
            await_moment(study, *moment[:3], service)
            if moment[3] == "rig":
                await_rig(study, moment[0], service)
            killed.append(kill(study, moment[3], service))
            if killed[-1] == "service":
                service = stack.enter_context(laboratory.serving(study))
        laboratory.wait_for("done", study, service)
        service.terminate()
        assert service.wait(60) == 0, laboratory.said
    assert started_for(study) == []
    assert len(killed) == N_KILLS
    assert set(killed) == set(VICTIMS)
    assert sensitivity(study) == sensitivity(undisturbed)
    assert outputs(study) == outputs(undisturbed)
    assert [one["state"] for one in laboratory.notices].count("done") == 1
