"""A session on two screens with a microcontroller, a tracker and a recorder at once, each of them unplugged in turn.

The valve and the codes hang on the firmware's real program on a simulated chip, the eye on an LSL outlet of another
process, the recording on a stand-in for Blackrock's library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import (
    ClockCompared,
    Continued,
    Paused,
    PresentationBegun,
    RecordingNoted,
    RewardNoted,
    TrialBegun,
)
from closedloop.artifacts.day.presented.unrecorded import AFTER_ONSET_S
from tests.equipment.lsl_outlet import outlet
from tests.equipment.processes import Child
from tests.equipment.simulated_avr import build, running
from tests.equipment.two_heads import wait_for_count, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.display]

ROOT = Path(__file__).parents[3]
N_PRESENTATIONS, N_BEFORE = 260, 200
REWARD_MS = 30.0
RIG = """\
name: rig 1
subject_screen: {{screen: 1, width_px: 800, height_px: 600, refresh_hz: 60, width_cm: 40, distance_cm: 80.09}}
photodiode: {{corner: lower_left, side_px: 24}}
codes: {{transport: microcontroller, address: {board}}}
gaze: {{source: lsl, address: {tracker}}}
reward: {{device: microcontroller, address: {board}}}
recorder: {{kind: blackrock, device: NSP, folder: {recordings}}}
"""
LIBRARY = """\
from pathlib import Path
from tests.equipment.fake_pycbsdk import Central, living_module


class OnAWire(Central):
    @property
    def is_plugged(self):
        return not Path({unplugged!r}).exists()

    @is_plugged.setter
    def is_plugged(self, _is_plugged):
        pass

    @property
    def has_signal(self):
        return self.is_plugged

    @has_signal.setter
    def has_signal(self, _has_signal):
        pass


globals().update(vars(living_module(OnAWire(Path({recordings!r})))))
"""


class Station:
    """A rig with everything, and who plugs it in and out."""

    def __init__(self, two_heads, session, folder, stack):
        self.session, self.out, self._folder, self._stack = session, folder / "out", folder, stack
        self.recordings, self._board = folder / "recordings", folder / "ttyACM0"
        self._unplugged, self.rig_yaml = folder / "unplugged", folder / "rig.yaml"
        self._tracker_name, self._programs = f"tracker-{uuid.uuid4()}", build(folder)
        library = folder / "library"
        for made in (self.recordings, library):
            made.mkdir()
        words = {"unplugged": str(self._unplugged), "recordings": str(self.recordings)}
        (library / "pycbsdk.py").write_text(LIBRARY.format(**words))
        self.rig_yaml.write_text(RIG.format(board=self._board, tracker=self._tracker_name, recordings=self.recordings))
        self._environment = two_heads.environment | {"PYTHONPATH": f"{library}{os.pathsep}{ROOT}"}
        self.chips = []
        self.plug_board()
        self.plug_tracker()

    def plug_board(self):
        self.chips.append(self._stack.enter_context(running(self._programs, self._board)))

    def plug_tracker(self):
        self._tracker = self._stack.enter_context(outlet(self._tracker_name))

    def plug_recorder(self):
        self._unplugged.unlink()

    def unplug_board(self):
        self.chips[-1].unplug()

    def unplug_tracker(self):
        self._tracker.kill()

    def unplug_recorder(self):
        self._unplugged.touch()

    @contextmanager
    def start(self, *options):
        """Run the rig while the block does; what a failing test leaves paused is killed."""
        command = [sys.executable, "-W", "ignore", "-m", "rig", "present", self.session, "--rig", self.rig_yaml]
        command += ["--out", self.out, "--panel", "none", "--despite", "refresh", *options]
        with Child(
            [str(word) for word in command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def tell(self, what):
        command = [sys.executable, "-m", "rig", "tell", str(self.session), what, "--out", str(self.out)]
        subprocess.run(command, env=self._environment, capture_output=True, check=False)

    def journal(self):
        return read_journal(self.out / "journal.jsonl")

    def rows(self):
        return self.journal().rows if (self.out / "journal.jsonl").exists() else ()

    def pauses_so_far(self):
        """Return all pauses but the operator's."""
        return [row for row in self.rows() if isinstance(row, Paused) and row.by != "operator"]

    def pauses(self):
        """Return the pauses that nothing has continued since."""
        rows = [row for row in self.rows() if isinstance(row, Paused | Continued)]
        return rows[-1:] if rows and isinstance(rows[-1], Paused) else []

    def show(self, process, n):
        """Wait for so many accepted images."""
        self.wait(process, n)
        if process.poll() is not None:
            pytest.fail(process.stderr.read())

    def wait(self, process, n=N_PRESENTATIONS + 1):
        """Wait for so many accepted images, or the end; what a slow machine paused for is continued."""

        def n_accepted():
            if [row for row in self.pauses() if row.by != "display"]:
                self.tell("continue")
            return n if process.poll() is not None else len(accepted(self.rows()))

        wait_for_count(n_accepted, n, "the accepted images")


@pytest.fixture
def station(two_heads, make_session, tmp_path):
    screen = {"width_px": 800, "height_px": 600, "full_screen": True, "cm_per_px": 0.05, "image_scale": 2}
    trial = {"presentations_per_trial": 6, "on_frames": 4, "off_frames": 3, "hold_ms": 50.0, "intertrial_ms": 100.0}
    session = make_session(
        n_images=24,
        n_presentations=N_PRESENTATIONS,
        side_px=112,
        screen=screen,
        trial=trial | {"reward_ms": REWARD_MS},
    )
    with ExitStack() as stack:
        yield Station(two_heads, session, tmp_path, stack)


UNPLUGGED = {  # what the operator is told: a tracker falls silent before its stream is known to be gone, or just after
    "board": ("microcontroller at ",),
    "tracker": ("gaze: no sample from the tracker for ", "lsl stream tracker-"),
    "recorder": ("recorder: expected packets from NSP, found none", "recorder: expected NSP to answer"),
}


def test_each_device_that_is_unplugged_is_a_line_and_the_session_goes_on_with_it_plugged_in(station):
    for number, (device, words) in enumerate(UNPLUGGED.items()):
        with station.start(*(["--resume"] if number else [])) as process:
            station.show(process, N_BEFORE + 12 * number)
            n_before = len(station.pauses_so_far())
            getattr(station, f"unplug_{device}")()

            def is_said(n_before=n_before, words=words, process=process):
                new = station.pauses_so_far()[n_before:]
                return process.poll() is not None or any(row.why.startswith(words) for row in new)

            wait_until(is_said, f"a pause for the {device}")
            station.tell("quit")
            _, said = process.communicate()
        assert process.returncode == 130, said
        lines = said.splitlines()
        told = [place for place, line in enumerate(lines) if line.startswith("paused: ")]
        own = [place for place in told if lines[place].startswith(tuple(f"paused: {one}" for one in words))]
        assert own[-1:] == told[-1:], said
        # A tracker's samples are late now and then on a busy machine: 17 ms are a silence, as the manual says.
        assert len(own) == 1 or device == "tracker", said
        # Told once: a stop mends nothing. (What was paused for already when the device went has its line before.)
        assert not [line for line in lines[own[-1] + 1 :] if line.startswith(words)], said
        assert said.splitlines()[-1].startswith("Resume with: rig present "), said
        getattr(station, f"plug_{device}")()
    with station.start("--resume") as process:
        station.wait(process)
        _, said = process.communicate()
    assert process.returncode == 0, said
    judge(station)


def judge(station):
    journal = station.journal()
    check_journal(journal, station.out / "journal.jsonl")
    rows = journal.rows
    shown = accepted(rows)
    assert sorted(row.presentation_index for row in shown) == list(range(N_PRESENTATIONS))
    launches = {(one.gaze.split()[0], one.codes, one.reward, one.recorder) for one in journal.launches}
    assert launches == {("lsl", "microcontroller", "microcontroller", "blackrock")}

    sent = [row.code for row in rows if isinstance(row, TrialBegun | PresentationBegun)]
    read = [code for chip in station.chips for code in chip.read_at_strobes()]
    assert {row.code for row in shown} <= set(read)
    left = iter(sent)
    assert all(code in left for code in read)  # in the journal's order, none twice, none that it does not know

    confirmed_ms = [row.duration_ms for row in rows if isinstance(row, RewardNoted) and row.state == "acknowledged"]
    opened_ms = [ms for chip in station.chips for ms in chip.openings_ms()]
    assert confirmed_ms
    assert 0 <= len(opened_ms) - len(confirmed_ms) <= 1  # the one that the cable was pulled in is counted for none
    assert set(map(round, confirmed_ms)) == set(map(round, opened_ms)) == {round(REWARD_MS)}

    recordings = [row for row in rows if isinstance(row, RecordingNoted)]
    begun = [row.file for row in recordings if row.state == "started"]
    assert len(begun) == len(set(begun)) >= 4  # a file of its own for each launch at least
    (lost,) = [row for row in recordings if row.state == "lost"]
    assert lost.unrecorded_from_s < lost.time_s
    again = [row for row in journal.presentations if row.reason == "not_recorded"]
    assert all(row.onset_s + AFTER_ONSET_S > lost.unrecorded_from_s for row in again)
    spans = recorded_spans(station.recordings)
    unrecorded = [row.ordinal for row in shown if not is_within(row.onset_s - 0.1, row.onset_s + 0.17, spans)]
    assert unrecorded == [], "accepted, and in no recording"
    assert {row.device for row in rows if isinstance(row, ClockCompared)} == {"recorder (NSP)", "lsl"}


def recorded_spans(folder):
    """Return from when to when something was written into a file without a break, on the rig's clock."""
    spans = []
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            begin_s, end_s = map(float, line.split())
            if spans and abs(begin_s - spans[-1][1]) < 1e-6:
                spans[-1][1] = end_s
            else:
                spans.append([begin_s, end_s])
    return spans


def is_within(begin_s, end_s, spans):
    return any(first_s <= begin_s and end_s <= last_s for first_s, last_s in spans)
