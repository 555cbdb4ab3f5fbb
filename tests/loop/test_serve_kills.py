"""A service is killed at random moments, and so are its loops and its rigs: the study is what it would have been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.loop.served import POLL_S, Laboratory, doing, outputs, started_for
from tests.loop.studies import sensitivity
from tests.loop.test_kill import stage_folders, stage_seconds
from tests.loop.test_serve import ADDRESS

N_KILLS = int(os.environ.get("SERVE_KILLS", "6"))
SEED = int(os.environ.get("SERVE_KILLS_SEED", "13"))
VICTIMS = ("service", "loop", "rig")
RIG_S = 0.6
"""Of the processor: less than a rig takes to begin and to show a small session."""


def planned(undisturbed: Path) -> Iterator[tuple[int, str, float, str]]:
    """Draw (day, stage, seconds into it, victim), in the order of the stages: each victim as often as the others.

    A rig's seconds are those that it has had of the processor: how long a stage took undisturbed says little of how
    long its rig lives on a machine that is busier, or less busy.
    """
    draw = random.Random(SEED)
    stages = stage_seconds(undisturbed)
    presents = [one for one in stages if one[1] == "present"]
    chosen = []
    for number in range(N_KILLS):
        victim = VICTIMS[number % len(VICTIMS)]
        chosen.append((*draw.choice(presents if victim == "rig" else stages), victim))
    chosen.sort(key=lambda one: stages.index(one[:3]))
    for day, stage, seconds, victim in chosen:
        yield day, stage, draw.uniform(0, RIG_S if victim == "rig" else seconds), victim


def await_moment(study: Path, day: int, stage: str, after_s: float, service: subprocess.Popen[bytes]) -> None:
    """Wait until a stage has been at work for so long, or is done."""
    working, done = stage_folders(study, day, stage)
    while not (working.exists() or done.exists()) and service.poll() is None:
        assert_nothing_computes_beside_a_loop(study, service)
        time.sleep(POLL_S)
    end = time.monotonic() + after_s
    while time.monotonic() < end and not done.exists() and service.poll() is None:
        time.sleep(POLL_S)


def await_rig(study: Path, day: int, after_s: float, service: subprocess.Popen[bytes]) -> None:
    """Wait until a rig has worked on a day for so many seconds of the processor, or the day is presented."""
    done = stage_folders(study, day, "present")[1]
    while not done.exists() and not any(worked_s(rig) >= after_s for rig in rigs_of_loops(study)):
        assert_nothing_computes_beside_a_loop(study, service)
        assert service.poll() is None
        time.sleep(POLL_S)


def rigs_of_loops(study: Path) -> list[psutil.Process]:
    """Return the rigs at work, but for what a killed loop left behind: the service ends that, and nobody misses it."""
    loops = {loop.pid for loop in doing(study, "run")}
    found = []
    for rig in doing(study, "present"):
        with suppress(psutil.NoSuchProcess):
            if rig.ppid() in loops:
                found.append(rig)
    return found


def worked_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


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
    alive = rigs_of_loops(study) if victim == "rig" else []
    loops = doing(study, "run") if victim in ("rig", "loop") else []
    for process in (*alive, *loops):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            return "rig" if process in alive else "loop"
    service.send_signal(signal.SIGKILL)
    service.wait()
    return "service"


def but_for_launches(study: Path) -> dict[str, object]:
    """Return the sha256 of every published file, and of a session's summary all but how often its rig was started."""
    found: dict[str, object] = dict(outputs(study))
    for name in [name for name in found if name.endswith("present/summary.json")]:
        summary = json.loads((study / name).read_text())
        assert summary.pop("n_segments") >= 1
        found[name] = summary
    return found


def failures(laboratory: Laboratory) -> int:
    """Return how often services said that a study failed: what a killed rig is to its loop."""
    return laboratory.said.count(": failed")


def try_again(laboratory: Laboratory, study: Path, day: int, service: psutil.Popen, n_failed: int) -> None:
    """Press "try again" on the page: for a rig that is killed again and again the service waits longer each time.

    Parameters
    ----------
    laboratory, study, service
        Where.
    day
        Of the rig; one that was killed as it ended has left nothing to try again.
    n_failed
        Failures before it was killed.
    """
    done = stage_folders(study, day, "present")[1]
    laboratory.wait_until(lambda: failures(laboratory) > n_failed or done.exists(), service)
    page, token = ADDRESS.findall(laboratory.said)[-1]
    decision = {"by": "Ada", "reason": "the rig was killed"}
    headers = {"X-Closedloop-Token": token}
    httpx.post(f"{page}/study/study/retry", json=decision, headers=headers, timeout=60).raise_for_status()


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
        for day, stage, after_s, victim in planned(undisturbed):
            if victim == "rig":
                await_rig(study, day, after_s, service)
            else:
                await_moment(study, day, stage, after_s, service)
            n_failed = failures(laboratory)
            killed.append(kill(study, victim, service))
            if killed[-1] == "rig":
                try_again(laboratory, study, day, service, n_failed)
            if killed[-1] == "service":
                service = stack.enter_context(laboratory.serving(study))
        laboratory.wait_for("done", study, service)
        service.terminate()
        assert service.wait(60) == 0, laboratory.said
    assert started_for(study) == []
    sys.stdout.write(f"killed: {Counter(killed)}")
    assert len(killed) == N_KILLS
    assert set(killed) == set(VICTIMS)
    assert sensitivity(study) == sensitivity(undisturbed)
    assert but_for_launches(study) == but_for_launches(undisturbed)
    assert [one["state"] for one in laboratory.notices].count("done") == 1
