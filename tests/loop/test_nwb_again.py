"""`closedloop export nwb` of a study that people decided on, again, and twice at once."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pynwb
import pytest

from closedloop.access.files import published_files
from closedloop.artifacts import catalog
from closedloop.commands.exchange.nwb_asked import check_request
from closedloop.exchange.nwb.kept import ExportFolder, made_from
from closedloop.storage import folder_held_alone
from tests.loop.nwb_files import values
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_what_people_left_out_is_marked_and_the_file_is_made_again(undisturbed: Path, tmp_path: Path) -> None:
    study, out = Path(shutil.copytree(undisturbed, tmp_path / "study")), tmp_path / "out"
    words = ("export", "nwb", study, "--day", "1", "--out", out)
    before = closedloop(*words)
    assert (before.returncode, "left out by people" in before.stdout) == (0, False), before.stderr
    site = catalog.SITES.read(published_files(study).path(catalog.SITES, 1)).chosen()[1].neuroid_id
    decided = (("--site", site, "--from", "both"), ("--day", "1", "--presentations", "3-4", "--from", "fit"))
    for decision in decided:
        assert closedloop("exclude", study, *decision, "--why", "noise").returncode == 0
    done = closedloop(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"left out by people, and marked: site {site}: left out of the fit and the evaluation" in done.stdout
    with warnings.catch_warnings(), pynwb.NWBHDF5IO(str(next(out.rglob("*.nwb"))), "r") as stream:
        warnings.simplefilter("ignore")
        file = stream.read()
        marks = dict(zip(values(file.electrodes, "neuroid_id"), values(file.electrodes, "left_out"), strict=True))
        assert {name for name, mark in marks.items() if mark} == {site}
        marked = values(file.trials, "left_out") == "fit"
        assert set(values(file.trials, "ordinal")[marked].tolist()) <= {3, 4}
        assert marked.any()


def test_another_start_that_a_person_tells_makes_another_file(undisturbed: Path) -> None:
    keys = {
        made_from(asked.sessions[0], ExportFolder(asked.out), started=asked.started)
        for asked in (
            check_request(undisturbed, day=1, started=started)
            for started in (None, "2026-11-30T09:00:00+00:00", "2026-11-29T09:00:00+00:00")
        )
    }
    assert len(keys) == 3


def test_two_exports_do_not_write_into_one_folder_at_once(undisturbed: Path, tmp_path: Path) -> None:
    words = ("export", "nwb", undisturbed, "--day", "1", "--out", tmp_path)
    with folder_held_alone(tmp_path, refusal=AssertionError(), leaves_lock=False):
        refused = closedloop(*words)
        assert (refused.returncode, "expected no other export into this folder" in refused.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
