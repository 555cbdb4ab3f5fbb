"""The operator's window on the other screen, beside a session in real time; pictures are kept to be looked at."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import pytest
from Xlib import X, error

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_rows import Commanded, Paused
from tests.equipment.two_heads import OPERATOR, SUBJECT, lift_finger, wait_until, window_manager

pytestmark = [pytest.mark.slow, pytest.mark.display]

BACKGROUND = (0x10, 0x14, 0x18)  # of the operator's window


class Station:
    """A session shown on the animal's screen, with the operator's window on the other."""

    def __init__(self, desktop, session, out):
        self.desktop, self.session, self.out = desktop, session, out
        self.process = None

    def start(self, *options):
        command = [sys.executable, "-W", "ignore", "-m", "rig", "present", str(self.session), "--out", str(self.out)]
        command += ["--panel", "window", "--operator-screen", "0", *options]
        self.process = subprocess.Popen(command, env=self.desktop.environment, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: self.window() is not None, "the operator's window")

    def tell(self, *words):
        command = [sys.executable, "-m", "rig", "tell", str(self.session), *words]
        return subprocess.run(command, env=self.desktop.environment, capture_output=True, text=True, check=False)

    def status(self):
        done = self.tell("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def n_shown(self):
        journal = self.out / "journal.jsonl"
        return journal.read_bytes().count(b'"event":"presentation"') if journal.exists() else 0

    def window(self):
        """The operator's window; None while there is none."""
        found = self.desktop.named("rig:")
        return found[0] if found else None

    def owners(self):
        """The processes whose windows stand there."""
        return {self.desktop.owner_of(window) for window in self.desktop.named("rig:")}

    def is_drawn(self):
        pixels = self.desktop.pixels(OPERATOR)
        return (pixels == BACKGROUND).all(axis=2).mean() > 0.2 and (pixels > 200).all(axis=2).any()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None and not self.process.stderr.closed:
            self.process.communicate()
        wait_until(self.is_closed, "the window to close")

    def is_closed(self):
        """Press a key: a rig that was killed leaves its window, until somebody has seen why."""
        window = self.window()
        if window is None:
            return True
        with contextlib.suppress(error.BadWindow):
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            self.desktop.press("x")
        return False

    def edges(self):
        """Left, top, right and bottom of what the operator's window draws into, on the desktop."""
        window = self.window()
        size, corner = window.get_geometry(), window.translate_coords(self.desktop.root, 0, 0)
        left, top = -corner.x, -corner.y
        return left, top, left + size.width, top + size.height


@pytest.fixture
def station(two_heads, make_session, tmp_path):
    screen = {"width_px": 800, "height_px": 600, "full_screen": True, "screen": 1, "cm_per_px": 0.05, "image_scale": 2}
    trial = {"presentations_per_trial": 3, "intertrial_ms": 300.0, "acquire_timeout_ms": 700.0}
    session = make_session(n_presentations=3000, side_px=112, screen=screen, trial=trial)
    with contextlib.closing(Station(two_heads, session, tmp_path / "present")) as found:
        yield found


def test_the_operator_watches_on_the_other_screen_and_both_windows_and_a_terminal_are_heard(station, two_heads):
    station.start()
    wait_until(lambda: station.n_shown() >= 6, "images")
    wait_until(station.is_drawn, "the window's content")
    two_heads.keep_picture("operator-window-running")
    # the checks' words are in the terminal that a page may cover: the operator has them here too
    assert "refresh: watched for a moment" in " ".join(station.status()["doubts"])
    place = station.window().get_geometry()
    assert (place.width, place.height) == (OPERATOR.width_px, OPERATOR.height_px)
    assert not (two_heads.pixels(SUBJECT) == BACKGROUND).all(axis=2).any()  # nothing of it over the animal's picture

    two_heads.focus(station.window())
    two_heads.press("p")
    wait_until(lambda: station.status().get("doing") == "paused", "a pause by the operator's key")
    wait_until(lambda: (two_heads.pixels(OPERATOR) == (0xF0, 0xE4, 0x42)).all(axis=2).mean() > 0.05, "its banner")
    two_heads.keep_picture("operator-window-paused")
    rewarded = station.tell("reward")
    assert (rewarded.returncode, rewarded.stdout) == (1, "reward: no reward: the rig has no valve\n")
    assert station.tell("continue").stdout == "continue: continued\n"
    n_before = station.n_shown()
    wait_until(lambda: station.n_shown() > n_before, "more images")

    two_heads.focus(two_heads.window_of_rig())
    two_heads.press("p")
    wait_until(lambda: station.status().get("doing") == "paused", "a pause by a key of the animal's window")
    two_heads.focus(station.window())

    def has_quit():
        """Press it until it is heard twice: a busy window hears two taps at one moment, as a key that is held down."""
        if b'"command":"quit"' in (station.out / "journal.jsonl").read_bytes():
            return True
        two_heads.press("q")
        lift_finger()
        return False

    wait_until(has_quit, "q to be heard")
    assert station.process.wait() == 130
    wait_until(lambda: station.window() is None, "the window to close with the session")

    journal = read_journal(station.out / "journal.jsonl")
    asked = [(row.command, row.origin) for row in journal.rows if isinstance(row, Commanded)]
    named = [("pause", "key"), ("reward", "terminal"), ("continue", "terminal"), ("pause", "key"), ("quit", "key")]
    assert asked == named
    assert [row.by for row in journal.rows if isinstance(row, Paused)][:1] == ["operator"]
    assert {(row.on_frames, row.planned_on_frames) for row in accepted(journal.rows)} == {(6, 6)}
    gone = station.tell("pause")
    assert gone.returncode == 1
    assert "the session was stopped" in gone.stderr
    assert len(gone.stderr.strip().splitlines()) == 1


def test_under_a_window_manager_the_lowest_line_of_the_window_is_on_the_screen(station, two_heads):
    with window_manager(two_heads):
        station.start()
        wait_until(lambda: station.n_shown() >= 3, "images")
        wait_until(lambda: station.edges()[3] <= OPERATOR.height_px, "the keys, below everything, to be on the screen")
        two_heads.keep_picture("operator-window-openbox")
        left, top, right, bottom = station.edges()
        assert (left >= 0, top > 0, right <= OPERATOR.width_px) == (True, True, True)
        assert bottom - top > 0.8 * OPERATOR.height_px
        assert station.tell("quit").returncode == 0
        assert station.process.wait() == 130
        wait_until(lambda: station.window() is None, "the window to close with the session")


def test_a_killed_rig_leaves_a_window_that_says_so_and_the_next_rig_replaces_it(station, two_heads):
    station.start()
    wait_until(lambda: station.n_shown() >= 3, "images")
    station.process.send_signal(signal.SIGKILL)
    station.process.communicate()
    wait_until(lambda: (two_heads.pixels(OPERATOR) == (0xB3, 0x47, 0x00)).all(axis=2).mean() > 0.02, "the last word")
    two_heads.keep_picture("operator-window-rig-killed")
    gone = station.tell("pause")
    assert "ended without a word" in gone.stderr
    assert "--resume" in gone.stderr
    first = station.owners()
    assert len(first) == 1
    n_before = station.n_shown()
    station.start("--resume")
    wait_until(lambda: station.n_shown() > n_before, "images of the next launch")
    wait_until(lambda: station.owners() and station.owners().isdisjoint({*first, None}), "the old window to go")
    assert station.tell("quit").returncode == 0
    assert station.process.wait() == 130


def test_a_window_that_is_killed_is_said_and_holds_up_nothing(station, two_heads):
    station.start()
    wait_until(lambda: station.n_shown() >= 3, "images")
    station.window().kill_client()
    two_heads.connection.sync()
    n_before = station.n_shown()
    wait_until(lambda: station.n_shown() > n_before + 6, "images after it")
    assert station.tell("quit").returncode == 0
    _, said = station.process.communicate()
    assert "operator window: it has ended. The session goes on" in said
    assert station.process.returncode == 130
