"""Machine code of the loops is kept while all their files stay the same, is checked, and gives what numba gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from closedloop.detection.loops import compiled
from closedloop.detection.loops.called import forward, keep_late_enough
from closedloop.detection.loops.tiles import LANES

FOLDER = Path(compiled.__file__).parent
ROOT = FOLDER.parents[2]
PROGRAM = """
import sys
import numpy as np
from closedloop.detection.loops.called import forward
from closedloop.detection.loops.tiles import LANES
rows, state = np.ones((1, LANES), np.float32), np.full((1, 2, LANES), 0.25, np.float32)
out = np.zeros((1, 1, LANES), np.float32)
forward(rows, ((0.5, 0.25),), state, out, 0)
print(out[0, 0, 0], "numba" in sys.modules)
"""

THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from closedloop.detection.loops.called import forward, keep_late_enough
from closedloop.detection.loops.tiles import LANES

def filters(kind):
    rows, state = np.full((9, LANES), 3, kind), np.zeros((1, 2, LANES), np.float32)
    out = np.zeros((1, 9, LANES), np.float32)
    forward(rows, ((0.0, 0.0),), state, out, 0)
    return out[0, :, 0].tolist() == [3, 3] + [0] * 7

def keeps(kind):
    kept = np.zeros(2, bool)
    keep_late_enough(np.array([0, 10]), np.array([7, 7], np.uint16), np.full(65536, -1000), 30, kept)
    return kept.tolist() == [True, False]

sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(6) as threads:
    calls = [threads.submit(filters, kind) for kind in (np.int16, np.float32)] + [threads.submit(keeps, None)]
    assert all(one.result() for one in calls * 2)
"""

FOUND = """
from hashlib import sha256
import numpy as np
from closedloop.detection.crossings import crossings, detector_of, pieces_of
from closedloop.detection.definitions import DEFINITIONS
from closedloop.recording.source import ArraySource
volts = np.random.default_rng(5).normal(0, 40, (30_000, 11)).astype(np.int16)
volts[::997] -= 400
source, definition = ArraySource((volts,)), DEFINITIONS["dicarlo"]
(found,) = crossings(detector_of(source, definition, electrode_ids=range(11)), pieces_of(source, definition))
content = b"".join(one.tobytes() for one in (found.sample, found.channel, found.noise))
print(len(found.sample), sha256(content).hexdigest())
"""


def run(folder: Path, cache: Path) -> tuple[float, bool]:
    """Run a loop of a copy of the code; give what it makes of 1 and a state of 1/4, and whether it was compiled."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(cache)}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    value, was_compiled = said.stdout.split()
    return float(value), was_compiled == "True"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    without = shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(ROOT / "closedloop", tmp_path / "code" / "closedloop", ignore=without)
    return tmp_path / "code"


def test_a_change_in_a_file_that_the_loops_import_is_seen_and_a_new_time_stamp_is_none(
    copied: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert run(copied, cache) == (1.25, True)
    assert run(copied, cache) == (1.25, False)
    loops = copied / "closedloop" / "detection" / "loops"
    for file in loops.glob("*.py"):
        os.utime(file, (1, 1))  # as a fresh checkout
    assert run(copied, cache) == (1.25, False)
    lanes = loops / "lanes.py"
    changed = lanes.read_text().replace("builder.fadd(*arguments)", "builder.fsub(*arguments)")
    assert changed != lanes.read_text()
    lanes.write_text(changed)
    assert run(copied, cache) == (0.75, True)


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kept code of one loop; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("compiled")
    assert run(ROOT, folder / "cache") == (1.25, True)
    assert run(ROOT, Path(shutil.copytree(folder / "cache", folder / "copy"))) == (1.25, False)
    return folder / "copy"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "the end": lambda whole: whole[:-40],
    "all": lambda whole: b"",
    "all but 5 bytes": lambda whole: whole[:5],
}


@pytest.mark.parametrize(
    "damage",
    [pytest.param(DAMAGES[name], marks=[pytest.mark.slow] if n else [], id=name) for n, name in enumerate(DAMAGES)],
)
def test_code_that_is_not_whole_is_made_again(
    compiled_once: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    cache = Path(shutil.copytree(compiled_once, tmp_path / "cache"))
    (kept,) = cache.rglob("*.kernel")
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert run(ROOT, cache) == (1.25, True)
    assert kept.read_bytes() == whole
    assert run(ROOT, cache) == (1.25, False)


def test_where_nothing_can_be_kept_the_loops_run_all_the_same(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("a file where a folder should be")
    assert run(ROOT, cache) == (1.25, True)


def test_a_numba_of_other_insides_runs_the_loops_itself(copied: Path, tmp_path: Path) -> None:
    inside = copied / "closedloop" / "detection" / "loops" / "compile_kernels.py"
    inside.write_text(inside.read_text().replace("._final_module", "._module_of_another_numba"))
    assert run(copied, tmp_path / "cache") == (1.25, True)


def test_every_file_with_a_loop_counts() -> None:
    of_numba = {file.name for file in FOLDER.glob("*.py") if "\nfrom numba" in file.read_text()}
    assert of_numba < set(compiled.KERNEL_FILES)
    assert not any("\nfrom numba" in file.read_text() for file in FOLDER.parent.glob("*.py"))


@pytest.mark.slow
def test_a_processor_without_wide_registers_finds_the_same_to_the_bit(tmp_path: Path) -> None:
    """Its multiply-add is a function's, sizes are put together one by one, and the loops are other machine code."""

    def found_on(**processor: str) -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **processor}
        finished = subprocess.run(
            [sys.executable, "-c", FOUND], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return finished.stdout

    here, plain = found_on(), found_on(NUMBA_CPU_NAME="generic")
    assert here == plain
    assert int(here.split()[0]) > 11 * 25
    names = [file.name.split("-")[0] for file in tmp_path.rglob("*.kernel")]
    assert names.count("backward_search") == 2


def test_a_loop_called_with_other_types_and_arrays_in_turn_is_right() -> None:
    """What was passed in the last call is remembered by the object, never by its place in memory."""
    for turn in range(6):
        kind = (np.int16, np.float32)[turn % 2]
        rows = np.full((3, LANES), turn, kind)
        state, out = np.zeros((1, 2, LANES), np.float32), np.zeros((1, 3, LANES), np.float32)
        forward(rows, ((0.0, 0.0),), state, out, 0)  # y[n] = x[n] - x[n - 2]
        np.testing.assert_array_equal(out[0, :, 0], [turn, turn, 0])
        forward(rows, ((0.0, 0.0),), state, out, 0)  # the state was carried on in place
        np.testing.assert_array_equal(out[0, :, 0], [0, 0, 0])


def test_a_loop_called_by_two_threads_at_once_is_right() -> None:
    """The arguments of a call stand in one place in memory: one for each thread."""

    def run(value: int) -> bool:
        rows, right = np.full((40_000, LANES), value, np.int16), True
        for _ in range(40):
            state, out = np.zeros((1, 2, LANES), np.float32), np.zeros((1, len(rows), LANES), np.float32)
            forward(rows, ((0.0, 0.0),), state, out, 0)
            right &= bool((out[0, :2] == value).all() and (out[0, 2:] == 0).all())
        return right

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(run, range(1, 9)))


def test_threads_that_compile_loops_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """In a process of its own, where numba's tables are not filled yet and no loop is kept."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "-c", THREADS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_a_loop_writes_into_its_arrays() -> None:
    sample, electrode = np.array([0, 10, 40, 41]), np.array([7, 7, 7, 8], np.uint16)
    last, kept = np.full(65536, -1000), np.zeros(4, bool)
    keep_late_enough(sample, electrode, last, 30, kept)
    assert kept.tolist() == [True, False, True, True]
    assert (last[7], last[8]) == (40, 41)
