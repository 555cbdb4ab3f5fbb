"""A kill between a stage's last result and its public name costs no result: real processes, killed at each name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from closedloop.artifacts.manifest import read_manifest
from tests.unit.study.labs import lab

# Forks a child for each operation on a name while the first stage is published, kills it there, and runs the study on.
KILLS = """
import json, os, sys
from itertools import count
from pathlib import Path
from tests.unit.study.labs import lab

NAMES = {"os.remove", "os.rename", "os.rmdir", "shutil.rmtree"}

def dies_at(n):
    seen = count(1)
    def heard(event, arguments):
        if event in NAMES and next(seen) == n:
            os._exit(9)
    return heard

def study(root, kill_at):
    made = lab(root, days=1)
    said = (root.parent / f"{root.name}.txt").open("a")
    def at_start(context):
        half_done = context.scratch / "hours" / "of.work"
        if not half_done.exists():
            half_done.parent.mkdir(parents=True)
            half_done.write_text("done")
            said.write("made ")
            said.flush()
        if kill_at:
            sys.addaudithook(dies_at(kill_at))
    def at_plan(context):
        os._exit(0)
    made.at = {"start": at_start, "0 plan": at_plan}
    made.run()

found = []
for n in count(1):
    root = Path(sys.argv[1]) / f"{n}"
    root.mkdir()
    for kill_at in (n, 0):
        child = os.fork()
        if child == 0:
            try:
                study(root, kill_at)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if kill_at and code != 9:
            print(json.dumps(found))
            sys.exit(code)
    found.append([code, (root.parent / f"{root.name}.txt").read_text(), (root / "start" / "start.txt").is_file()])
"""


def test_a_kill_at_any_name_from_a_stage_s_last_result_to_its_public_name_costs_no_result(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", KILLS, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    found = json.loads(finished.stdout)
    assert len(found) >= 6  # the manifest's name, what is hidden, the folder's name
    assert found == [[0, "made ", True]] * len(found)


def test_finished_work_that_a_disk_changed_before_it_had_its_name_is_done_again(tmp_path: Path) -> None:
    study = lab(tmp_path, days=1)
    study.run()
    working = study.paths.start.with_name(".start.partial")
    study.paths.start.rename(working)
    (working / "start.txt").write_text("other")
    study.run()
    assert study.ran[0] == "start"
    assert (study.paths.start / "start.txt").read_text() != "other"


def test_finished_work_is_published_as_it_is_with_the_seconds_that_it_took(tmp_path: Path) -> None:
    study = lab(tmp_path, days=1)
    study.run()
    before = read_manifest(study.paths.start)
    study.paths.start.rename(study.paths.start.with_name(".start.partial"))
    study.run()
    assert study.ran == []
    assert read_manifest(study.paths.start) == before
