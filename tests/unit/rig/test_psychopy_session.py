"""A short session in real time on a PsychoPy window: frame counts, pixels, Ctrl-C, kill and resume."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from closedloop.artifacts.day.journal import SessionSummary, accepted, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.day.session import PixelAudit
from tests.equipment.processes import Child

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_IMAGES = 24


@pytest.fixture
def short_session(make_session):
    return make_session(
        n_images=N_IMAGES,
        n_presentations=26,
        side_px=64,
        screen={"image_scale": 2},
        trial={"presentations_per_trial": 6, "intertrial_ms": 200.0, "acquire_timeout_ms": 700.0},
    )


def command(folder, out, *options):
    return [sys.executable, "-m", "rig", "present", str(folder), "--display", "psychopy", "--out", str(out), *options]


def interrupt(folder, out, environment, number, *options, n_presentations):
    """Start presenting and send a signal once some presentations are in the journal."""
    journal = out / "journal.jsonl"
    started = subprocess.Popen(command(folder, out, *options), env=environment, stderr=subprocess.PIPE, text=True)
    with started as process:
        while not journal.exists() or journal.read_bytes().count(b'"presentation"') < n_presentations:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.02)
        process.send_signal(number)
        _, said = process.communicate()
    return process.returncode, said


def rows_of(out):
    return [row for row in read_journal(out / "journal.jsonl").rows if not isinstance(row, LaunchOpened)]


def test_a_real_time_session_has_its_planned_frames_and_the_planned_pixels(short_session, tmp_path, x_display):
    out = tmp_path / "present"
    done = subprocess.run(
        command(short_session, out, "--audit-pixels", str(N_IMAGES)),
        env=x_display,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    journal = read_journal(out / "journal.jsonl")
    shown = accepted(journal.rows)
    assert sorted(row.presentation_index for row in shown) == list(range(26))
    assert {(row.on_frames, row.planned_on_frames) for row in shown} == {(6, 6)}
    assert all(abs((row.offset_s - row.onset_s) * 60 - 6) < 0.5 for row in shown)
    audit = PixelAudit.read(out / "pixel_audit.json")
    assert (audit.n_images, audit.n_pixels, audit.n_mismatched) == (N_IMAGES, N_IMAGES * 128 * 128, 0)
    assert set(audit.stimulus_ids) == {row.stimulus_id for row in shown}
    launch = journal.launches[0]
    assert (launch.display, launch.clock, launch.utc is None) == ("psychopy", "real", False)


def test_a_session_killed_and_then_stopped_keeps_every_row_and_is_completed(short_session, tmp_path, x_display):
    out = tmp_path / "present"
    code, _ = interrupt(short_session, out, x_display, signal.SIGKILL, n_presentations=4)
    assert code == -signal.SIGKILL
    killed = rows_of(out)
    code, said = interrupt(short_session, out, x_display, signal.SIGINT, "--resume", n_presentations=10)
    assert code == 130, said
    assert "--resume" in said.strip().splitlines()[-1]
    stopped = rows_of(out)
    assert stopped[: len(killed)] == killed
    assert (stopped[-1].event, stopped[-1].outcome) == ("session_ended", "stopped")
    done = subprocess.run(
        command(short_session, out, "--resume"), env=x_display, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert rows_of(out)[: len(stopped) - 1] == stopped[:-1]
    journal = read_journal(out / "journal.jsonl")
    assert [row.ordinal for row in journal.presentations] == list(range(len(journal.presentations)))
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(26))
    assert SessionSummary.read(out / "summary.json").n_segments == 3


def test_a_folder_that_is_written_over_in_a_session_ends_it_before_another_image_is_shown(
    make_session, tmp_path, x_display
):
    folder, out = (
        make_session(n_images=6, n_presentations=60, trial={"intertrial_ms": 100.0}, ignore=0.0),
        tmp_path / "p",
    )
    journal = out / "journal.jsonl"
    with Child(command(folder, out), env=x_display, stderr=subprocess.PIPE, text=True) as process:
        while not journal.exists() or b'"presentation"' not in journal.read_bytes():
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.02)
        images = np.load(folder / "images.npy", mmap_mode="r+")
        images[:] = 255 - images
        images.flush()
        n_before = journal.read_bytes().count(b'"presentation"')
        _, said = process.communicate()
    assert process.returncode == 1
    assert "the file was changed meanwhile. Restore the folder from a copy. Then go on: rig present" in said
    assert journal.read_bytes().count(b'"presentation"') <= n_before + 3  # of the trial whose images were taken before
