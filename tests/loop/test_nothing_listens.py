"""No command opens a door to the machine: what all commands of these tests are watched by sees one that would."""

from __future__ import annotations

import contextlib
import datetime
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import psutil
import pytest
import typer
from PIL import Image

import closedloop.cli
import rig.cli
from closedloop.artifacts.rig.light import FlashesDocument, PatchFlash
from closedloop.artifacts.study import StudyDocument
from closedloop.studies.discrimination.observers import ObserverLaw
from closedloop.studies.discrimination.simulate import simulate_subjects
from closedloop.study.create import Request, create_study
from tests.equipment.fake_microcontroller import faking
from tests.equipment.processes import Child
from tests.loop.brought import one_day, shown_elsewhere
from tests.loop.command_lines import BY_DASK, LINES
from tests.loop.real_study import RealStudy
from tests.loop.studies import ENVIRONMENT, PROTOCOL, WAITING
from tests.loop.studies import closedloop as run_closedloop
from tests.unit.execution.stranger import listening
from tests.unit.studies.discrimination.experiments import small_experiment

FROM_C = """
import ctypes, os, socket, sys
door = socket.socket()
if ctypes.CDLL(None).listen(door.fileno(), 1) != 0:  # the system chooses a port, Python is not asked
    sys.exit("could not listen")
sys.stdout.write("open")
"""
IN_A_CHILD = """
import subprocess, sys
program = "import socket; door = socket.socket(); door.bind(('0.0.0.0', 0)); door.listen(); print(); input()"
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
input()  # whoever looks takes the time that is needed
child.communicate(b"\\n")
"""

STOPPED = ("closedloop base-model train new",)  # minutes: interrupted when it is at its work
AT_WORK_S = 10.0  # of processor time
ENDS_WITH_1 = (
    "closedloop doctor",
    "closedloop discrimination serve",
    "rig check",
    "rig rehearse",
    "rig tell",
    "rig calibrate gaze",
    "rig firmware",
)
"""No screen, no rig at work, nobody at a terminal to take points, a fake board with less than the firmware's care."""
DECIDED_BEFORE = {"unskip-day": [("skip-day", "1")], "drop-block": [("add-block", "0")]}
"""What a command undoes, and of which day."""
WAITS = ("closedloop run {recorded}",)  # for the session of the day after

RIG = """\
name: r
subject_screen: {screen: 0, width_px: 800, height_px: 600, refresh_hz: 60, width_cm: 40, distance_cm: 57}
photodiode: null
codes: {transport: none}
gaze: {source: scripted}
reward: {device: none}
recorder: {kind: none}
"""
WATER = "duration_ms,openings,g\n25,100,8\n50,100,18\n100,100,38\n150,100,58\n200,100,78\n"
LUMINANCES = "level,cd_m2\n" + "".join(f"{v},{0.4 + 119.6 * (v / 255) ** 2.2}\n" for v in (0, 32, 64, 127, 192, 255))


@pytest.mark.parametrize("address", ["('0.0.0.0', 0)", "('127.0.0.1', 0)"])
def test_a_command_that_would_listen_is_stopped_by_the_watch_on_all_commands(address: str) -> None:
    finished = watched(f"import socket; socket.socket().bind({address})")
    assert finished.returncode == 1
    assert "a command bound a socket to" in finished.stderr
    assert finished.stdout == ""


def test_a_door_that_a_library_opened_is_found_at_the_end() -> None:
    finished = watched(FROM_C)
    assert finished.stdout == "open"
    assert finished.returncode == 99
    assert "a command listens at" in finished.stderr


def test_a_command_that_opens_nothing_is_left_alone() -> None:
    assert watched("import sys; sys.stdout.write('done')").stdout == "done"


def watched(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, env=ENVIRONMENT)


def test_a_door_of_a_child_that_escapes_the_watch_is_seen_from_outside() -> None:
    with Child([sys.executable, "-c", IN_A_CHILD], stdin=subprocess.PIPE, env=ENVIRONMENT) as process:
        doors: set[tuple[str, int]] = set()
        while not doors and process.poll() is None:
            doors |= listening(psutil.Process(process.pid))
        process.communicate(b"\n")
    assert {address for address, _port in doors} == {"0.0.0.0"}
    assert process.returncode == 0


def test_every_command_is_watched() -> None:
    lines = [shlex.split(line) for line in LINES]
    assert len(lines) == len(set(commands()))
    for name in commands():
        assert [words for words in lines if words[: len(name)] == list(name)], f"{' '.join(name)}: no line watches it"


def commands() -> Iterator[tuple[str, ...]]:
    """All commands of both programs, as `--help` lists them."""
    for program, app in (("closedloop", closedloop.cli.app), ("rig", rig.cli.app)):
        yield from below(typer.main.get_command(app), (program,))


def below(command: click.Command, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not hasattr(command, "list_commands"):
        yield name
        return
    context = click.Context(command, info_name=name[-1])
    for each in command.list_commands(context):
        yield from below(command.get_command(context, each), (*name, each))


@dataclass(frozen=True)
class Seen:
    """How a command ended, and where it or a process of its own listened meanwhile."""

    code: int
    said: str
    doors: frozenset[tuple[str, int]]


def run_and_look(words: list[str], cwd: Path, environment: dict[str, str], *, stop: bool = False) -> Seen:
    """Run a command line, looking at the sockets of all its processes again and again until it ends.

    Parameters
    ----------
    words
        The command line.
    cwd
        The folder to run it in.
    environment
        Its environment.
    stop
        Whether it is interrupted when it is at its work.
    """
    doors: set[tuple[str, int]] = set()
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", *words]
        with Child(command, cwd=cwd, env=environment, stdout=said, stderr=said) as process:
            looked_at = psutil.Process(process.pid)
            while process.poll() is None:
                doors |= listening(looked_at)
                if stop and sum(looked_at.cpu_times()[:2]) > AT_WORK_S:
                    process.send_signal(signal.SIGINT)
                    stop = False
                with contextlib.suppress(subprocess.TimeoutExpired):  # leaves the processor to what is looked at
                    process.wait(timeout=0.02)
        said.seek(0)
        return Seen(process.returncode, said.read(), frozenset(doors))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for k in range(80):
        (folder / str(k % 4)).mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(folder / f"{k % 4}/{k}.png")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "session"
    assert run_closedloop("recording", "make", folder, "--seconds", "10").returncode == 0
    return folder


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Path]:
    """A microcontroller at a port."""
    with faking(tmp_path / "ttyACM0", ()):
        yield tmp_path / "ttyACM0"


def write_flashes(folder: Path) -> tuple[Path, Path]:
    """Write what a rig flashed, and what was seen of it: light 20 ms after each of 30 codes."""
    flashes = tuple(PatchFlash(code=k, time_s=0.5 * k, n_frames=6) for k in range(1, 31))
    shown = FlashesDocument(
        simulated=True, rig="r", date=datetime.date(2026, 11, 28), refresh_hz=60, codes="parallel", flashes=flashes
    )
    shown.write(folder / "flashes.json")
    rows = [f"{one.time_s},{one.code}\n{one.time_s + 0.02},0\n" for one in flashes]
    (folder / "edges.csv").write_text("time_s,code\n" + "".join(rows))
    return folder / "flashes.json", folder / "edges.csv"


def places_of_amendments(line: str, real: Callable[[str], RealStudy], tmp_path: Path) -> dict[str, Path]:
    """Make what the lines on decisions about days to come name."""
    places = {"differs": tmp_path / "differs.yaml", "elsewhere": tmp_path / "elsewhere"}
    places["differs"].write_text("attack: {epsilons: [5, 10]}\n")
    if "{elsewhere}" in line or "{grown}" in line:
        listed = StudyDocument.read(real("listed").paths.study).pool.folder
        assert listed is not None
        shutil.copytree(listed, places["elsewhere"])
    if "{grown}" in line:
        places["grown"] = real("grown").root
        image = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(image).save(next(places["elsewhere"].iterdir()) / "new.png")
        decided("move", places["grown"], "--images", places["elsewhere"], "--why", "x")
    if "{amended}" in line:
        places["amended"] = real("amended").root
        decided("amend", places["amended"], places["differs"], "--from-day", "1", "--why", "x")
    return places


def places_of_exchange(line: str, done: Path, real: Callable[[str], RealStudy], tmp_path: Path) -> dict[str, Path]:
    """Make an exported model, and tables of what was recorded and shown elsewhere."""
    places = {"exported": tmp_path / "exported", "responses": tmp_path / "responses.csv"}
    if "{exported}" in line:
        decided("model", "export", done, "--out", places["exported"])
    if "{fresh}" in line:
        places["fresh"] = real("fresh").root
    if "{responses}" in line:
        rows = [f"{k % 4}/{k}.png,{k},{k % 3},{k % 5}\n" for k in range(20)]
        places["responses"].write_text("".join(["image,array1-001,array1-002,array1-003\n", *rows]))
    if "{unshown}" in line:
        places |= {"shown": shown_elsewhere(done, tmp_path / "elsewhere"), "unshown": tmp_path / "unshown"}
        of = {"subject": StudyDocument.read(done / "study.json").subject, "protocol": str(PROTOCOL)}
        create_study(Request(root=places["unshown"], simulated=True, **of))
    return places


def decided(*words: str | Path) -> None:
    finished = run_closedloop(*words)
    assert finished.returncode == 0, finished.stderr


def answered_experiment(line: str, root: Path) -> dict[str, Path]:
    """Make a small experiment that simulated observers answered, where a line names one."""
    if "{experiment}" not in line:
        return {}
    experiment = small_experiment(root, n_sessions=2, simulated=True)
    simulate_subjects(experiment, ObserverLaw(), n_subjects=1, seed=0)
    return {"experiment": experiment.paths.root}


def played(study: RealStudy, line: str) -> Path:
    """Have a pilot's session shown, and decide what a line undoes."""
    study.present(gaze="mouse")
    for first, day in DECIDED_BEFORE.get(line.split()[1], ()):
        decided(first, study.root, "--day", day, "--by", "ada", "--why", "x")
    return study.root


def recorded(study: RealStudy, line: str, tmp_path: Path) -> dict[str, Path]:
    """Have a session recorded; a copy of it is another one than the study has, which is cut short."""
    study.present()
    study.record()
    folder = study.paths.folder("recording", 0)
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    if "{copy}" in line:
        (folder / "array1.nev").write_bytes((folder / "array1.nev").read_bytes()[:-7])
    return {"recorded": study.root, "copy": copy}


@pytest.fixture
def filled(
    undisturbed: Path,
    scheduled_real_study: RealStudy,
    photographs: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Callable[[str], list[str]]:
    """Return what makes words of a line, with copies of the studies that it names."""

    def real(name: str) -> RealStudy:
        root = Path(shutil.copytree(scheduled_real_study.root, tmp_path / name))
        return type(scheduled_real_study)(type(scheduled_real_study.paths)(root))

    def fill(line: str) -> list[str]:
        places = {"photographs": photographs, "two_days": PROTOCOL, "one_day": one_day(tmp_path)}
        places["weights"] = Path(closedloop.cli.__file__).parent / "models/weights/small_resnet_robust.safetensors"
        if "{made}" in line:
            places["made"] = request.getfixturevalue("made")
        if "{done}" in line:
            places["done"] = Path(shutil.copytree(undisturbed, tmp_path / "done"))
            if line.startswith("closedloop include"):
                decided("exclude", places["done"], "--site", "0", "--from", "fit", "--by", "ada", "--why", "dead")
        if "{played}" in line:
            places["played"] = played(real("played"), line)
        places |= places_of_amendments(line, real, tmp_path) | places_of_exchange(line, undisturbed, real, tmp_path)
        if "{stopped}" in line:
            study = real("stopped")
            study.present(stops=(4,), for_good=True)
            places["stopped"] = study.root
            if "reopen" in line:
                decided("close-day", study.root, "--day", "0", "--why", "tired")
        if "{held}" in line:
            places["held"] = real("held").root
            decided("hold", places["held"], "--by", "ada", "--reason", "pause")
        if "{recorded}" in line:
            places |= recorded(real("recorded"), line, tmp_path)
        if "{map}" in line:
            places["map"] = tmp_path / "two.cmp"
            places["map"].write_text("two arrays\n0 0 A 1 V4-1\n2 1 A 2 V4-2\n0 0 E 1 IT-1\n")
        if "{board}" in line:
            places["board"] = request.getfixturevalue("board")
        if "{flashes}" in line:
            places["flashes"], places["edges"] = write_flashes(tmp_path)
        places |= answered_experiment(line, tmp_path / "experiment")
        for name, text in (("rig", RIG), ("weights_of_water", WATER), ("luminances", LUMINANCES)):
            places[name] = tmp_path / f"of-{name}"
            places[name].write_text(text)
        return [word.format(**places) for word in shlex.split(line)]

    return fill


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_command_and_all_that_it_starts_listen_nowhere(
    filled: Callable[[str], list[str]], tmp_path: Path, line: str
) -> None:
    stop = line.startswith(STOPPED)
    seen = run_and_look(filled(line), tmp_path, ENVIRONMENT, stop=stop)
    assert seen.doors == frozenset()
    assert not any(words in seen.said for words in ("bound a socket", "a command listens"))
    ends_with = {130} if stop else {0, 1} if line.startswith(ENDS_WITH_1) else {0}
    assert seen.code in ({WAITING} if line.startswith(WAITS) else ends_with), seen.said


@pytest.mark.slow
@pytest.mark.parametrize("line", BY_DASK)
def test_with_workers_of_dask_a_command_listens_to_this_machine_alone(
    filled: Callable[[str], list[str]], tmp_path: Path, line: str
) -> None:
    unwatched = os.environ | {"OMP_NUM_THREADS": "1"}
    seen = run_and_look(filled(line), tmp_path, unwatched)
    assert seen.code == 0, seen.said
    assert {address for address, _port in seen.doors} == {"127.0.0.1"}
