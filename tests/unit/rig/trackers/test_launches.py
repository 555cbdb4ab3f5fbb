"""`rig check` and `rig present` with a tracker, as an operator runs them, on a desktop with two screens."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_rows import Paused
from tests.equipment.lsl_outlet import outlet
from tests.equipment.processes import Child
from tests.equipment.replayed_eyelink import recordings
from tests.equipment.two_heads import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_PRESENTATIONS = 24
FAKE = """
from pathlib import Path
from tests.equipment.replayed_eyelink import TrackerComputer, read_recording
computer = TrackerComputer(read_recording(Path({path!r})))
EyeLink = computer.dial
print("Pylink of a test")
"""
RULED = ["--screen", "1", "--width-cm", "40", "--distance-cm", "80.09", "--photodiode", "upper_right 24"]
RULED += ["--refresh-hz", "60", "--codes", "none", "--recorder", "none"]


class Bench:
    """A rig with a tracker on a desktop with two screens."""

    def __init__(self, two_heads, folder, session):
        self.environment, self.session, self.out = dict(two_heads.environment), session, folder / "out"
        self.rig_yaml = folder / "rig.yaml"

    def words(self, *words):
        return [sys.executable, "-m", "rig", *map(str, words)]

    def run(self, *words):
        return subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )

    def describe(self, gaze):
        done = self.run("init", self.rig_yaml, *RULED, "--gaze", gaze)
        assert done.returncode == 0, done.stderr

    def check(self):
        done = self.run("check", self.session, "--rig", self.rig_yaml, "--json")
        return {one["name"]: one for one in json.loads(done.stdout)}["gaze"]

    def present(self):
        command = self.words("present", self.session, "--rig", self.rig_yaml, "--out", self.out, "--despite", "refresh")
        return Child(command, env=self.environment, stderr=subprocess.PIPE, text=True)

    def count(self, event):
        path = self.out / "journal.jsonl"
        return path.read_bytes().count(b'"%s"' % event) if path.exists() else 0

    def goes_on_until(self, is_reached, process, what):
        """Wait, and continue as an operator does: a busy machine's samples come late, and the rig pauses for that."""
        n_told = 0

        def reached():
            nonlocal n_told
            if is_reached() or process.poll() is not None:
                return True
            if (n_paused := self.count(b"paused")) > n_told:
                n_told = n_paused
                self.run("tell", self.session, "continue")
            return False

        wait_until(reached, what)

    def journal(self):
        return read_journal(self.out / "journal.jsonl")


@pytest.fixture
def bench(two_heads, make_session, tmp_path):
    screen = {"width_px": 800, "height_px": 600, "full_screen": True, "cm_per_px": 0.05, "image_scale": 2}
    # A dropped frame is not what is looked at here: the images of a busy machine are shown again.
    session = make_session(n_presentations=N_PRESENTATIONS, side_px=112, screen=screen)
    return Bench(two_heads, tmp_path, session)


def is_whole(journal):
    return sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(N_PRESENTATIONS))


def test_a_killed_outlet_pauses_the_session_until_the_operator_continues(bench):
    name = f"tracker-{uuid.uuid4()}"
    bench.describe(f"lsl {name}")
    with outlet(name) as tracker:
        found = bench.check()
        assert (found["status"], found["found"].split(":")[0].split(" on ")[0]) == ("PASS", name)
        with bench.present() as process:
            bench.goes_on_until(lambda: bench.count(b"presentation") >= 4, process, "images")
            n_paused = bench.count(b"paused")
            tracker.kill()
            wait_until(lambda: bench.count(b"paused") > n_paused or process.poll() is not None, "a pause")
            n_trials = bench.count(b"trial_started")
            with outlet(name):
                assert bench.count(b"trial_started") == n_trials
                told = bench.run("tell", bench.session, "continue")
                assert told.returncode == 0, told.stderr
                bench.goes_on_until(lambda: False, process, "the end")
                _, said = process.communicate()
    assert process.returncode == 0, said
    assert is_whole(bench.journal())
    assert {row.by for row in bench.journal().rows if isinstance(row, Paused)} <= {"gaze", "device"}


def test_an_eyelink_that_stops_pauses_the_session_and_its_file_is_brought(bench, tmp_path):
    import eyelinkio

    (tmp_path / "pylink").mkdir()
    recording = next(path for path in recordings() if path.stem == "test_2_raw")
    (tmp_path / "pylink" / "__init__.py").write_text(FAKE.format(path=str(recording)))
    faults = tmp_path / "faults"
    faults.mkdir()
    bench.environment |= {"PYTHONPATH": f"{tmp_path}:{bench.environment.get('PYTHONPATH', '')}"}
    bench.environment |= {"FAKE_EYELINK": str(faults)}
    bench.describe("eyelink")
    # The people of this file looked at a screen of 1920 x 1080 pixels; here all of it is 2 degrees.
    written = bench.rig_yaml.read_text()
    bench.rig_yaml.write_text(f"{written}  gaze_map: {{x_deg: [-3.84, 0.004, 0], y_deg: [2.16, 0, -0.004]}}\n")
    found = bench.check()
    assert found["status"] == "PASS", found
    assert "EYELINK CL 4.56: 1,000 samples/s" in found["found"]
    with bench.present() as process:
        bench.goes_on_until(lambda: bench.count(b"presentation") >= 4, process, "images")
        n_paused = bench.count(b"paused")
        (faults / "stalled").touch()
        wait_until(lambda: bench.count(b"paused") > n_paused or process.poll() is not None, "a pause")
        (faults / "stalled").unlink()
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert "Pylink" not in said
    assert is_whole(bench.journal())
    assert bench.journal().launches[0].gaze == "eyelink"
    (edf,) = bench.out.glob("*.EDF")
    assert eyelinkio.read_edf(edf)["info"]["sfreq"] == 1000.0
