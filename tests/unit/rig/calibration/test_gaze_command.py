"""`rig calibrate gaze` as it is typed, in a terminal of its own: an operator reads the page and presses keys."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.artifacts.rig.description import SubjectScreen, read_rig
from closedloop.artifacts.rig.ports import GazePort
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.errors import RigError
from rig.calibration.blank_screen import blank_session
from rig.calibration.gaze.command import WantedCalibration, extent_of
from rig.calibration.gaze.simulated import Distortion
from rig.cli import app
from rig.display.placement import degrees, pixels, target_square
from tests.equipment.processes import Child
from tests.equipment.two_heads import SUBJECT
from tests.unit.rig.calibration.eyes import field_errors_deg

PAGES_AT_REST = 4  # the page says it so often in a row: an operator who looks twice
PATIENCE_S = 60.0
SCREEN = {"width_px": 800, "height_px": 600, "width_cm": 32.0, "distance_cm": 57.0}


def described(tmp_path: Path, source: str, **screen) -> Path:
    path = tmp_path / "rig.yaml"
    subject = SubjectScreen(screen=screen.pop("screen", 0), refresh_hz=60, **{**SCREEN, **screen})
    described = EXAMPLE.model_copy(
        update={
            "gaze": GazePort(source=source),
            "subject_screen": subject,
            "operator_screen": None,
            "photodiode": None,
        }
    )
    path.write_text(rig_yaml(described) + "# mine\n")
    return path


class Terminal:
    """The master's end of a terminal in which the command runs."""

    def __init__(self, process: subprocess.Popen, master: int) -> None:
        self.process, self._master, self.text = process, master, ""

    def pages(self) -> Iterator[str]:
        """Yield every page that is drawn, without what moves the cursor, until the command has left the page."""
        seen = 0
        while "\x1b[?1049l" not in self.text and self._read():
            drawn = self.text.split("\x1b[H")[1:]
            whole = [page for page in drawn if page.endswith("\x1b[J")]
            for page in whole[seen:]:
                yield re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", page).replace("\r\n", "\n")
            seen = len(whole)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
        if not ready:
            pytest.fail(f"waited {PATIENCE_S:g} s for a page; the last: {self.text[-2000:]}")
        try:
            content = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += content.decode(errors="replace")
        return bool(content)

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def end(self) -> str:
        """Return what was said after the page, once the command has ended."""
        while self._read():
            pass
        self.process.wait(PATIENCE_S)
        return self.text.rsplit("\x1b[?1049l", 1)[-1].strip()


@contextmanager
def calibrating(rig: Path, environment: dict[str, str], *options: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "rig", "calibrate", "gaze", "--rig", str(rig), *options]
    environment = environment | {"TERM": "xterm"}
    with Child(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            os.close(master)


def take_all(
    terminal: Terminal, *, look: Callable[[float, float], None] = lambda _x, _y: None, last_key: str = "y"
) -> None:
    """Take each point once the page has said for a while that the eye rests; go on when all are taken."""
    n_rests, at = 0, ""
    for page in terminal.pages():
        if "store it?" in page:
            terminal.press(last_key)
            continue
        if "All are" in page:
            terminal.press("f")
            continue
        found = re.search(r"> +(\d+) +([-+.\d]+) +([-+.\d]+)(.*)", page)
        if found is None:
            continue
        stage = page.split("\n")[0] + found[1]
        if stage != at:
            look(float(found[2]), float(found[3]))
        n_rests = n_rests + 1 if stage == at and "   rests" in page else 0
        at = stage
        if n_rests >= PAGES_AT_REST:
            terminal.press(" ")
            n_rests = 0


@pytest.mark.slow
def test_a_known_distortion_is_recovered_and_stored_by_the_real_command(tmp_path, process_environment) -> None:
    rig = described(tmp_path, "scripted")
    with calibrating(rig, process_environment, "--display", "headless", "--points", "13") as terminal:
        take_all(terminal)
        said = terminal.end()
        assert terminal.process.returncode == 0, said
    assert re.fullmatch(r"Error 0\.\d\d deg \(median\), 0\.\d\d deg \(largest\) at 5 other points\. .*", said)
    assert f"Stored in {rig}; the one of before is {rig}.before." in said
    calibrations = read_rig(rig)[0].calibrations
    assert calibrations.gaze_map is not None
    assert field_errors_deg(calibrations.gaze_map, Distortion()).max() < 0.2
    assert calibrations.gaze_fit is not None
    assert (calibrations.gaze_fit.n_points, calibrations.gaze_fit.is_validated) == (13, True)
    assert rig.read_text().endswith("# mine\n")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["quit", "signal"])
def test_who_ends_it_leaves_the_description_as_it_was(tmp_path, process_environment, way) -> None:
    rig = described(tmp_path, "scripted")
    before = rig.read_bytes()
    with calibrating(rig, process_environment, "--display", "headless") as terminal:
        for number, page in enumerate(terminal.pages()):
            if way == "signal" and number == 3:
                terminal.process.send_signal(signal.SIGINT)
            elif way == "quit" and number % 10 == 3:  # a second later once more; at once it would be a key held down
                terminal.press("q")
            assert page
        said = terminal.end()
    assert terminal.process.returncode == (130 if way == "signal" else 0)
    assert said.endswith("Nothing was stored.")
    assert rig.read_bytes() == before
    assert not Path(f"{rig}.before").exists()


@pytest.mark.slow
@pytest.mark.display
def test_a_mouse_that_points_at_each_target_has_the_map_that_changes_nothing(tmp_path, two_heads) -> None:
    from Xlib import X
    from Xlib.ext import xtest

    rig = described(tmp_path, "mouse", screen=1)

    def point_at(x_deg: float, y_deg: float) -> None:
        x_px, y_px = (pixels(one, cm_per_px=32 / 800, distance_cm=57.0) for one in (x_deg, y_deg))
        place = (round(SUBJECT.left_px + 400 + x_px), round(SUBJECT.top_px + 300 - y_px))
        xtest.fake_input(two_heads.connection, X.MotionNotify, x=place[0], y=place[1])
        two_heads.connection.sync()

    lit = []

    def look(x_deg: float, y_deg: float) -> None:
        picture = two_heads.pixels(SUBJECT)
        rows, columns = np.nonzero((picture == 255).all(axis=2))
        if len(rows):  # the target of before or this one: a disc
            lit.append((columns.mean() + 0.5 - 400, 300 - rows.mean() - 0.5))
        point_at(x_deg, y_deg)

    with calibrating(rig, two_heads.environment, "--extent", "8") as terminal:
        take_all(terminal, look=look)
        said = terminal.end()
        assert terminal.process.returncode == 0, said
    gaze_map = read_rig(rig)[0].calibrations.gaze_map
    assert gaze_map is not None
    pixel_deg = degrees(1.0, cm_per_px=32 / 800, distance_cm=57.0)  # the mouse points at a whole one, a target may not
    assert gaze_map.to_degrees(0.0, 0.0) == pytest.approx((0.0, 0.0), abs=pixel_deg)
    assert (*gaze_map.x_deg[1:], *gaze_map.y_deg[1:]) == pytest.approx((1.0, 0.0, 0.0, 1.0), abs=pixel_deg / 8.0)
    corner_px = pixels(8.0, cm_per_px=32 / 800, distance_cm=57.0)
    for wanted in ((0.0, 0.0), (-corner_px, corner_px), (corner_px, -corner_px)):  # where targets stood, by the server
        assert min(np.hypot(x - wanted[0], y - wanted[1]) for x, y in lit) < 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--points", "7"], "--points 7: expected 5, 9 or 13, found 7"),
        (["--despite", "age"], "--despite age: expected error or validation, found age"),
        (["--extent", "40"], "--extent 40: expected at most 11.6 degrees, where this rig's screen ends"),
        ([], "expected a terminal for its page and keys, found none"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, options, said) -> None:
    rig = described(tmp_path, "scripted")
    result = CliRunner().invoke(app, ["calibrate", "gaze", "--rig", str(rig), "--display", "headless", *options])
    assert said in str(result.exception)


@pytest.mark.parametrize(
    ("source", "said"),
    [("none", "expected a scripted eye, which needs no screen, found none"), ("mouse", "found mouse")],
)
def test_a_real_eye_needs_a_screen(tmp_path, source, said) -> None:
    rig = described(tmp_path, source)
    result = CliRunner().invoke(app, ["calibrate", "gaze", "--rig", str(rig), "--display", "headless"])
    assert said in str(result.exception)


def test_targets_reach_as_far_as_the_screen_allows() -> None:
    screen = SubjectScreen(screen=0, refresh_hz=60, **SCREEN)
    half = [degrees(side / 2, cm_per_px=0.04, distance_cm=57.0) for side in (800, 600)]
    usual = extent_of(screen, WantedCalibration(Path("rig.yaml")))
    assert usual == pytest.approx((10.0, 0.8 * half[1]))
    assert extent_of(screen, WantedCalibration(Path("rig.yaml"), extent_deg=8.0)) == (8.0, 8.0)
    with pytest.raises(RigError, match=r"expected at most 11\.6 degrees"):
        extent_of(screen, WantedCalibration(Path("rig.yaml"), extent_deg=11.7))


def test_a_target_is_where_its_angle_is() -> None:
    assert degrees(pixels(7.5, cm_per_px=0.04, distance_cm=57.0), cm_per_px=0.04, distance_cm=57.0) == pytest.approx(
        7.5
    )
    rig = EXAMPLE.model_copy(update={"subject_screen": SubjectScreen(screen=0, refresh_hz=60, **SCREEN)})
    screen = blank_session(rig, purpose="test", dot_px=10).document.screen
    square = target_square(screen, (10.0, -5.0), side_px=10, distance_cm=57.0)
    x_px, y_px = 57.0 * np.tan(np.radians([10.0, -5.0])) / 0.04
    assert square.left_px + 5 == pytest.approx(400 + x_px, abs=0.5)
    assert square.bottom_px + 5 == pytest.approx(300 + y_px, abs=0.5)
