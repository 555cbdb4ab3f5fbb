"""Grey squares and flashes on a real screen: what stands on it is read from the X server, and not from who drew it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tty

import pytest

from closedloop.artifacts.rig.light import FlashesDocument
from tests.equipment.person import Person

pytestmark = [pytest.mark.slow, pytest.mark.display]

PROGRAM = """
import json, sys
from pathlib import Path
from closedloop.artifacts.rig.description import PhotodiodePatch, SubjectScreen
from closedloop.artifacts.rig.light import FlashesDocument
from closedloop.artifacts.rig.template import EXAMPLE
from rig.calibration.flashing import flash_and_keep
from rig.calibration.levels import measure_levels
from rig.calibration.patch_session import patch_session
from rig.display.desktop import open_desktop
from rig.display.psychopy.display import PsychoPyDisplay
from rig.display.screens import Rectangle
from rig.stop import StopRequest

screen = SubjectScreen(screen=0, width_px=800, height_px=600, refresh_hz=60, width_cm=32, distance_cm=57)
patch = PhotodiodePatch(corner="upper_right", side_px=40)
rig = EXAMPLE.model_copy(update={"subject_screen": screen, "operator_screen": None, "photodiode": patch})
levels, stop, desktop = [0, 1, 100, 254, 255], StopRequest(), open_desktop()
middle, corner = Rectangle(280, 180, 240, 240), Rectangle(760, 0, 40, 40)

def level_of(place):
    pixels = desktop.read_pixels(place)
    return sorted({int(one) for one in pixels.reshape(-1)})

found = {}
display = PsychoPyDisplay(patch_session(rig, levels, simulated=True), stop=stop, rig=rig)
read = []
def typed(question):
    read.append(level_of(middle))
    return "1"
measure_levels(display, levels, typed=typed, say=print)
found["squares"] = read
found["patch"] = level_of(corner)
display.close()

display = PsychoPyDisplay(patch_session(rig, [127], simulated=True), stop=stop, rig=rig)
class Codes:
    transport = "parallel"
    seen = []
    def send(self, code):
        self.seen.append([code, level_of(corner), level_of(middle)])
    def close(self): pass
path = Path(sys.argv[1])
flash_and_keep(display, Codes(), rig, path, n_flashes=20, stop=stop)
found["after"] = [level_of(corner), level_of(middle)]
display.close()
found["flashes"] = [one.code for one in FlashesDocument.read(path).flashes]
found["seen"] = Codes.seen
print("FOUND " + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(x_display, tmp_path_factory):
    path = tmp_path_factory.mktemp("flashes") / "flashes.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], env=x_display, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("FOUND ")[2])


def test_each_square_has_its_level_and_nothing_corrects_it(found):
    assert found["squares"] == [[0], [1], [100], [254], [255]]


def test_the_patch_is_white_at_each_code_and_black_after_it(found):
    assert found["flashes"] == list(range(1, 21))
    assert found["seen"] == [[code, [255], [127]] for code in range(1, 21)]
    assert found["after"] == [[0], [127]]


RIG = """
name: rig 2
subject_screen: {screen: 0, width_px: 800, height_px: 600, refresh_hz: 60, width_cm: 32, distance_cm: 57.2}
photodiode: {corner: upper_right, side_px: 40}
codes: {transport: serial, address: PORT, framing: checked}
gaze: {source: none}
reward: {device: none}
recorder: {kind: none}
"""


def test_a_person_flashes_for_practice_and_the_codes_are_on_the_wire(x_display, tmp_path):
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path = tmp_path / "rig.yaml"
    path.write_text(RIG.replace("PORT", os.ttyname(theirs)))
    words = ("calibrate", "photodiode", "--rig", path, "--out", tmp_path / "light", "--flashes", 20, "--practise")
    person = Person(*words, environment=x_display)
    person.answer("Does the recorder record, with codes?", "y\n")
    person.wait_for("closedloop recording light flashes.json FILE.nev FILE.ns6 --out light.json")
    assert person.end() == 0
    heard = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    shown = FlashesDocument.read(tmp_path / "light" / "flashes.json")
    assert shown.simulated
    assert [one.code for one in shown.flashes] == list(heard[1::4]) == list(range(1, 21))


def test_a_screen_that_does_not_keep_time_is_refused_where_it_counts(x_display, tmp_path):
    ours, theirs = pty.openpty()
    path = tmp_path / "rig.yaml"
    path.write_text(RIG.replace("PORT", os.ttyname(theirs)))
    person = Person("calibrate", "photodiode", "--rig", path, "--out", tmp_path / "light", environment=x_display)
    person.answer("Does the recorder record, with codes?", "y\n")
    person.wait_for("Flips do not wait for a screen")
    assert person.end() == 1
    os.close(ours)
    os.close(theirs)
    assert not (tmp_path / "light").exists()
