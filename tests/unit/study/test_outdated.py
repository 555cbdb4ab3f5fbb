"""What a decision leaves outdated: told before the loop runs, and then made again by it: the same, for every kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from closedloop.artifacts.amended.exclusions import LeftOutOf
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.commands.brought import replace_recording
from closedloop.commands.status import read_status, status_as_json, status_lines
from closedloop.service.panels import stages as panel
from closedloop.stages.imported.taken import ImportRequest
from closedloop.study.amending.exclusions import Things, exclude, include
from closedloop.study.amending.imported import import_responses
from closedloop.study.amending.protocol import amend
from closedloop.study.amending.sessions import add_block, unskip_day
from closedloop.study.amending.withdraw import withdraw
from closedloop.study.completeness.now import wait_now
from closedloop.study.loop import read_identity
from closedloop.study.outdated.stages import outdated_stages
from closedloop.study.outdated.told import Outdated, by_session
from closedloop.study.process.state import NextStage
from closedloop.study.verification.study import verify_study
from tests.unit.study.amending.decided_labs import record, scheduled, skip
from tests.unit.study.labs import Lab, lab

BOTH: tuple[LeftOutOf, ...] = ("fit", "evaluation")


def leave_out(made: Lab, day: int, *parts: LeftOutOf) -> None:
    wanted = Things(day=day, parts=parts or BOTH)
    exclude(made.paths, *read_identity(made.paths), wanted, by="ada", why="noise", keep_attacking=False)


def take_in(made: Lab, day: int) -> None:
    include(made.paths, *read_identity(made.paths), Things(day=day, parts=BOTH), by="ada", why="it is none")


def take_back(made: Lab, number: int) -> None:
    nobody = lambda *_arguments, **_options: None  # noqa: E731
    named = {"by": "ada", "why": "a mistake"}
    withdraw(made.paths, *read_identity(made.paths), number=number, foresee=nobody, **named)  # type: ignore[arg-type]


def outdated(made: Lab) -> tuple[Outdated, ...]:
    return outdated_stages(made.paths, *read_identity(made.paths), table=made.small_table)


def names(found: tuple[Outdated, ...]) -> list[str]:
    return [f"{one.session.seed_name} {one.stage}" for one in found]


def finished(root: Path) -> Lab:
    made = lab(root, days=2)
    made.run()
    return made


def test_a_finished_study_of_which_something_was_left_out_since_is_not_done(tmp_path: Path) -> None:
    made = finished(tmp_path)
    assert read_status(made.paths.root).state == "done"
    leave_out(made, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status = read_status(made.paths.root)
    found = json.loads(status_as_json(status))
    assert found["state"] == "stopped"
    assert found["next"] == {"day": 1, "stage": "refit"}
    assert [(one["day"], one["stage"]) for one in found["outdated"]] == [(1, "refit"), (1, "evaluate")]
    assert {one["stage"] for one in found["stages"] if one["state"] == "stale"} == {"refit", "evaluate"}
    assert found["days_done"] is None
    lines = status_lines(status)
    assert "All 2 days are done." not in lines
    (said,) = [line for line in lines if line.startswith("decided since: ")]
    assert said == (
        "decided since: day 1 refit and 1 more are still without it (what is left out of the fit changed): "
        f"`closedloop run {made.paths.root}` makes what is outdated again"
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    made.run()
    assert "All 2 days are done." in status_lines(read_status(made.paths.root))


def test_one_stage_alone_and_what_follows_from_it(tmp_path: Path) -> None:
    made = finished(tmp_path)
    leave_out(made, 0, "fit")
    found = outdated(made)
    assert [(f"{one.session.seed_name} {one.stage}", one.why) for one in found] == [
        ("0 refit", "what is left out of the fit changed"),
        ("1 refit", "what is left out of the fit changed"),
    ]
    assert set(by_session(found)) == {(0, 1), (1, 1)}


def test_the_live_page_says_it_and_is_not_done(tmp_path: Path) -> None:
    made = finished(tmp_path)
    leave_out(made, 1, "fit")
    found = panel.read(made.paths)
    assert found.state == "stopped"
    assert found.outdated.startswith("decided since: day 1 refit is still without it")
    assert {one.name: one.state for day in found.days if day.day == 1 for one in day.stages}["refit"] == "stale"
    made.run()
    assert (panel.read(made.paths).state, panel.read(made.paths).outdated) == ("done", "")


def _import(made: Lab) -> None:
    document, protocol = read_identity(made.paths)
    generator, side = np.random.default_rng(0), protocol.images.side_px
    file = made.paths.root.with_name("elsewhere.h5")
    with h5py.File(file, "w") as content:
        content["responses"] = generator.normal(30, 8, (12, protocol.sites.n_sites))
        content["images"] = generator.integers(0, 256, (12, side, side, 3), dtype=np.uint8)
        content["neuroids"] = [f"array1-{number:03d}" for number in range(1, protocol.sites.n_sites + 1)]
    request = ImportRequest(file)
    quiet = lambda _done, _total: None  # noqa: E731
    import_responses(made.paths, document, protocol, request, by="ada", why="last year", progress=quiet)


def _amend_now(made: Lab) -> None:
    file = made.paths.root.with_name("differs.yaml")
    file.write_text("attack: {epsilons: [2.5, 5, 10]}")
    named = {"from_day": 0, "file": file, "by": "ada", "why": "finer", "foresee": lambda *_a, **_o: None}
    amend(made.paths, *read_identity(made.paths), **named)  # type: ignore[arg-type]


@pytest.mark.parametrize("decide", [_import, _amend_now])
def test_nobody_is_asked_to_present_a_session_that_is_to_be_made_again(
    decide: Callable[[Lab], None], tmp_path: Path
) -> None:
    made = lab(tmp_path, days=2, simulated=False)
    made.run()
    status = read_status(made.paths.root)
    assert status.waiting_for
    assert wait_now(made.paths, read_identity(made.paths)[0])
    decide(made)
    status = read_status(made.paths.root)
    assert {one.stage for one in status.outdated} >= {"plan", "synthesize", "schedule"}
    assert (status.waiting_for, status.state) == (None, "stopped")
    lines = status_lines(status)
    assert not [line for line in lines if line.startswith("waiting for you")]
    assert [line for line in lines if line.startswith("decided since: ")]
    assert wait_now(made.paths, read_identity(made.paths)[0]) is None
    assert panel.read(made.paths).state == "stopped"
    made.run()
    assert read_status(made.paths.root).waiting_for


def _include(made: Lab) -> None:
    leave_out(made, 0)
    made.run()
    take_in(made, 0)


def _withdraw(made: Lab) -> None:
    _amend(made)
    made.run()
    take_back(made, len(made.paths.amendments.read_text().splitlines()))


def _amend(made: Lab) -> None:
    file = made.paths.root.with_name("differs.yaml")
    file.write_text("attack: {epsilons: [2.5, 5, 10]}")
    named = {"from_day": 2, "file": file, "by": "ada", "why": "finer", "foresee": lambda *_a, **_o: None}
    amend(made.paths, *read_identity(made.paths), **named)  # type: ignore[arg-type]


def _unskip(made: Lab) -> None:
    skip(made, 2)
    made.run()
    unskip_day(made.paths, *read_identity(made.paths), day=2, by="ada", why="a mistake")


def _add_block(made: Lab) -> None:
    add_block(made.paths, *read_identity(made.paths), day=1, by="ada", why="it works on")


@pytest.mark.parametrize(
    ("decide", "still_outdated"),
    [
        pytest.param(lambda made: leave_out(made, 0), [], id="exclude the first day"),
        pytest.param(lambda made: leave_out(made, 1), [], id="exclude the last day"),
        pytest.param(_include, [], id="include"),
        pytest.param(_withdraw, [], id="withdraw"),
        pytest.param(_amend, [], id="amend"),
        pytest.param(lambda made: skip(made, 2), [], id="skip"),
        pytest.param(_unskip, ["day-03"], id="unskip"),
        pytest.param(_add_block, ["day-02"], id="add a session"),
    ],
)
def test_what_is_said_to_be_made_again_is_what_the_loop_makes_again(
    tmp_path: Path, decide: Callable[[Lab], None], still_outdated: list[str]
) -> None:
    """An animal's study: days 0 and 1 are recorded, day 2 is scheduled and nobody has shown it."""
    made = scheduled(tmp_path / "study", day=2)
    assert outdated(made) == ()
    decide(made)
    found, before = outdated(made), published(made)
    assert [one for one in verify_study(made.paths).faults if one.kind == "inputs"] == []
    said = {made.paths.at(one.session).folder(one.stage, one.day) for one in found}
    assert said <= set(before)
    made.run()
    now = published(made)
    again = {folder for folder, manifest in before.items() if now.get(folder) != manifest}
    to_come = {made.paths.at(one.session).folder(one.stage, one.day) for one in outdated(made)}
    assert again | to_come == said  # where the loop has to wait for a session, what comes after it is to come still
    assert {folder.parent.name for folder in to_come} <= set(still_outdated)


def published(made: Lab) -> dict[Path, int]:
    """Return what tells a folder from one that takes its place, by folder."""
    return {path.parent: path.stat().st_ino for path in made.paths.root.glob(f"day-*/*/{MANIFEST_NAME}")}


def test_what_was_made_from_a_recording_that_was_replaced_is_outdated(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "study", day=1)
    record(made, 1)
    good = Path(shutil.copytree(made.paths.folder("recording", 1), tmp_path / "good"))
    (good / MANIFEST_NAME).unlink()
    (good / "note.txt").write_text("a better copy")
    replace_recording(made.paths.root, day=1, source=good, why="cut", who=None, as_it_is=True, settle_s=0)
    found = outdated(made)
    assert {"1 ingest", "1 refit", "1 evaluate"} <= set(names(found))
    assert found[0].why == "made from a recording that was replaced since"
    status = read_status(made.paths.root)
    assert (status.damaged, status.next) == ((), NextStage(1, "recording"))
    assert made.run().day == 2
    assert outdated(made) == ()


def test_a_study_without_decisions_reads_no_manifest(tmp_path: Path) -> None:
    made = finished(tmp_path)
    for path in tmp_path.rglob(MANIFEST_NAME):
        path.write_text("{")
    assert outdated(made) == ()
