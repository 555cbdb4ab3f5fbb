"""Killed, stopped and cut off again and again in real time on a PsychoPy window, with the codes read from a real line.

Nothing here waits for a time: a launch is ended when so many codes have come over the line. Each cycle takes some
seconds, so that a few are in `make test`; `make kills` has as many as one likes, by seeds that it says.
"""

from __future__ import annotations

import os
import pty
import random
import select
import signal
import subprocess
import sys
import tty
from collections import Counter
from itertools import pairwise

import pytest

from closedloop.artifacts.day.journal import SessionSummary, accepted, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened, Paused, Presentation, SessionEnded
from closedloop.artifacts.day.session import CodeSettings
from closedloop.terminal.streams import say
from tests.equipment.processes import Child

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_KILLS, N_HANGUPS = int(os.environ.get("RIG_KILLS", "12")), int(os.environ.get("RIG_HANGUPS", "4"))
SEED = int(os.environ.get("RIG_KILLS_SEED", "20261128"))
CYCLE_S = 60  # the most that one may take, on a busy machine
N_PRESENTATIONS = 24
CODES = CodeSettings(transport="serial")
SHORT = {"presentations_per_trial": 4, "on_frames": 3, "off_frames": 3, "intertrial_ms": 100.0, "hold_ms": 50.0}


class Line:
    """The recorder's end of a serial line: what came over it, over all launches."""

    def __init__(self):
        self.ours, theirs = pty.openpty()
        tty.setraw(self.ours)
        self.device = os.ttyname(theirs)
        self._theirs = theirs  # open, so that a launch that ends does not hang up the line
        self.codes = []

    def read(self, timeout_s=0.0):
        """Take what has come; wait for the first of it up to a time."""
        while select.select([self.ours], [], [], timeout_s)[0]:
            self.codes += os.read(self.ours, 4096)
            timeout_s = 0.0

    def close(self):
        os.close(self._theirs)
        os.close(self.ours)


@pytest.fixture
def line():
    line = Line()
    yield line
    line.close()


# A rig that a file describes is looked at for ten seconds before each launch; this one has the line alone.
WIRED = """
import sys
from rig.check.ports import codes
from rig.ports.codes import SerialCodes
device = sys.argv.pop(1)
codes.open_codes = lambda port, recorder, microcontrollers: SerialCodes(device)
from rig.__main__ import main
main()
"""


def wired(folder, out, device, *options):
    """Return the command that presents a session whose codes go over a line."""
    command = [sys.executable, "-c", WIRED, device, "present", folder, "--display", "psychopy", "--out", out]
    return [*map(str, command), *options]


def launch_until(line, command, environment, *, n_codes, number):
    """Launch the rig and send it a signal once so many codes more have come; return its exit code and its words."""
    before = len(line.codes)
    with Child(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while len(line.codes) < before + n_codes and process.poll() is None:
            line.read(0.5)
        process.send_signal(number)
        _, said = process.communicate()
    line.read()
    return process.returncode, said


def told(what, number, n, found):
    """Say how far a number of cycles is, and by which seed; `make kills` shows it."""
    say(f"{what} {number} of {n} (seed {SEED}): {found}")


def ordinals_on(codes, *, first, n):
    """Return the numbers of one range of codes, unwrapped: a launch leaves out a few at most."""
    found = []
    for code in codes:
        if not first <= code < first + n:
            continue
        rest = code - first
        found.append(rest if not found else found[-1] + (rest - found[-1]) % n)
    return found


def assert_codes_go_on(codes):
    """Each code of presentations, and each of trials, is a later one than the one before it: none comes twice."""
    for first, n in (
        (CODES.first_presentation, CODES.n_presentation),
        (CODES.first_trial, CODES.n_trial),
    ):
        numbers = ordinals_on(codes, first=first, n=n)
        steps = Counter(later - earlier for earlier, later in pairwise(numbers))
        assert 0 not in steps, steps
        assert max(steps, default=1) <= 2, steps  # killed between the line of the journal and the flip


def standing(out):
    return [row for row in read_journal(out / "journal.jsonl").rows if not isinstance(row, LaunchOpened)]


def assert_whole(out):
    journal = read_journal(out / "journal.jsonl")
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(N_PRESENTATIONS))
    ordinals = [row.ordinal for row in journal.presentations]
    assert ordinals == sorted(set(ordinals))
    summary = SessionSummary.read(out / "summary.json")
    assert (summary.outcome, summary.n_accepted, summary.n_remaining) == ("complete", N_PRESENTATIONS, 0)
    assert summary.n_segments == len(journal.launches)


def session_of(make_session, number, *, n_presentations=N_PRESENTATIONS):
    """Make a session of a number."""
    return make_session(
        f"session-{number}",
        n_images=12,
        n_presentations=n_presentations,
        session_id=f"study/day-{number:02}",
        trial=SHORT,
        codes=CODES.model_dump(),
    )


def complete(folder, out, environment, line):
    """Go on to the session's end."""
    done = subprocess.run(
        wired(folder, out, line.device, "--resume"), env=environment, capture_output=True, text=True, check=False
    )
    line.read()
    assert done.returncode == 0, done.stderr
    assert_whole(out)


def assert_ends_on_the_wire(journal, codes):
    """Every image that the journal has was announced on the wire, in its order."""
    shown = [row.code for row in journal.presentations]
    wire = iter(codes)
    assert all(any(code == seen for seen in wire) for code in shown)


@pytest.mark.timeout(600 + CYCLE_S * N_KILLS)
def test_kills_lose_and_repeat_nothing_and_codes_go_on(make_session, tmp_path, x_display, line):
    seeded = random.Random(SEED)
    n_killed, n_session = 0, 0
    while n_killed < N_KILLS:
        folder, out = session_of(make_session, n_session), tmp_path / f"present-{n_session}"
        line.codes, kept = [], []
        while n_killed < N_KILLS:
            n_codes = seeded.randrange(1, 9)
            options = ("--resume",) if kept or out.exists() else ()
            command = wired(folder, out, line.device, *options)
            code, said = launch_until(line, command, x_display, n_codes=n_codes, number=signal.SIGKILL)
            if code == 0:  # everything was shown before so many codes came
                break
            assert code == -signal.SIGKILL, said
            n_killed += 1
            told("kill", n_killed, N_KILLS, f"session {n_session}, after {n_codes} codes")
            rows = standing(out)
            assert rows[: len(kept)] == kept
            kept = rows
        complete(folder, out, x_display, line)
        assert_codes_go_on(line.codes)
        assert_ends_on_the_wire(read_journal(out / "journal.jsonl"), line.codes)
        n_session += 1


@pytest.mark.timeout(600 + CYCLE_S * N_HANGUPS)
def test_closed_terminals_end_cleanly_and_are_gone_on_with(make_session, tmp_path, x_display, line):
    seeded = random.Random(SEED)
    n_hung_up, n_session = 0, 0
    while n_hung_up < N_HANGUPS:
        folder, out = session_of(make_session, n_session), tmp_path / f"present-{n_session}"
        line.codes, n_launches = [], 0
        while n_hung_up < N_HANGUPS:
            n_codes = seeded.randrange(1, 6)
            command = wired(folder, out, line.device, *(("--resume",) if n_launches else ()))
            code, said = launch_until(line, command, x_display, n_codes=n_codes, number=signal.SIGHUP)
            if code == 0:  # everything was shown before so many codes came
                break
            n_launches, n_hung_up = n_launches + 1, n_hung_up + 1
            told("hang-up", n_hung_up, N_HANGUPS, f"session {n_session}, after {n_codes} codes")
            assert code == 130, said
            assert "SIGHUP: the terminal was closed" in said
            assert "Resume with: rig present" in said
            last = standing(out)[-1]
            assert isinstance(last, SessionEnded)
            summary = SessionSummary.read(out / "summary.json")
            assert (summary.outcome, summary.n_remaining, summary.n_segments) == (
                "stopped",
                last.n_remaining,
                n_launches,
            )
        complete(folder, out, x_display, line)
        assert_codes_go_on(line.codes)
        n_session += 1


def test_a_line_that_is_cut_rejects_the_image_and_waits_for_whoever_mends_it(make_session, tmp_path, x_display, line):
    folder = session_of(make_session, 0)
    out, cut = tmp_path / "present", Line()
    with Child(wired(folder, out, cut.device), env=x_display, stderr=subprocess.PIPE, text=True) as process:
        while len(cut.codes) < 4:
            cut.read(0.5)
            assert process.poll() is None
        cut.close()
        said = next(words for words in process.stderr if "serial port" in words)
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate()
    assert process.returncode == 130
    assert "expected to send a code" in said
    assert "Resume with: rig present" in rest
    assert "Traceback" not in rest
    rows = standing(out)
    assert {row.reason for row in rows if isinstance(row, Presentation)} <= {None, "device_error"}
    assert [row.by for row in rows if isinstance(row, Paused)] == ["device"]
    assert isinstance(rows[-1], SessionEnded)
    assert SessionSummary.read(out / "summary.json").outcome == "stopped"
    complete(folder, out, x_display, line)
    assert_codes_go_on([*cut.codes, *line.codes])


def test_a_second_rig_on_the_screen_is_refused_and_told_who_holds_it(make_session, tmp_path, x_display, line):
    first = session_of(make_session, 0, n_presentations=3000)  # it lasts for as long as the second takes to begin
    second = make_session("two", n_images=12, n_presentations=30, session_id="study/day-01")
    command = wired(first, tmp_path / "first", line.device)
    with Child(command, env=x_display, stderr=subprocess.PIPE, text=True) as process:
        while not line.codes:
            line.read(0.5)
            assert process.poll() is None
        other = [sys.executable, "-m", "rig", "present", str(second), "--out", str(tmp_path / "second")]
        refused = subprocess.run(other, env=x_display, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert refused.returncode == 1
    [words] = refused.stderr.strip().splitlines()
    assert words.startswith(f"screen 0 of {x_display['DISPLAY']}: expected no other rig at work on it")
    assert f"process {process.pid} on " in words
    assert " since 20" in words
    assert not (tmp_path / "second").exists()
    free = subprocess.run(other, env=x_display, capture_output=True, text=True, check=False)
    assert free.returncode == 0, free.stderr
    assert f"the last rig on it ended without a word (process {process.pid} on " in free.stderr
