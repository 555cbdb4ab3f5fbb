"""protocol.yaml edited in a study that is under way: what is taken, what is refused, by name, at every stage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import StudyDocument
from closedloop.errors import ProtocolError
from closedloop.stages.context import StageContext
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

SEPARATION = ("twin_separation_min: 0.02 ", "twin_separation_min: 0.01 ")
EDITS = {  # a key of each section that a stage reads
    "images": ("side_px: 32 ", "side_px: 16 "),
    "procedural": ("n_per_category: 20 ", "n_per_category: 30 "),
    "sites": ("min_reliability: 0.2 ", "min_reliability: 0.3 "),
    "base_model": ("layer: layer3.0 ", "layer: layer2.0 "),
    "attack": ("  steps: 5 ", "  steps: 6 "),
    "controls": ("gaussian: true ", "gaussian: false "),
    "presentation": SEPARATION,
    "trial": ("reward_ms: 120.0 ", "reward_ms: 130.0 "),
    "recording": ("window_stop_ms: 170.0 ", "window_stop_ms: 180.0 "),
    "fit": ("epochs: 2 ", "epochs: 3 "),
    "evaluation": ("n_units: 4 ", "n_units: 5 "),
    "simulation": ("clock_drift_ppm: 20.0 ", "clock_drift_ppm: 21.0 "),
}
READ_BY = {  # the first stage of a day that reads each section; what a person brings is decided by none
    **dict.fromkeys(("images", "procedural", "sites", "base_model"), "start"),
    **dict.fromkeys(("attack", "controls", "presentation", "trial"), "day-00 plan"),
    "simulation": "day-00 schedule",
    "recording": "day-00 ingest",
    "fit": "day-00 refit",
    "evaluation": "day-00 evaluate",
}


def some(names: Iterable[str], *often: str) -> list[ParameterSet]:
    """Return all names as parameters, of which only some are tried every time."""
    return [pytest.param(name, marks=() if name in often else pytest.mark.slow) for name in names]


def recorded_until(root: Path, stage: str) -> Lab:
    """A real study whose day 0 is recorded, interrupted in a stage after that."""

    def stop(_context: StageContext) -> None:
        raise KeyboardInterrupt

    made = lab(root, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.at = {f"0 {stage}": stop}
    with pytest.raises(KeyboardInterrupt):
        made.run()
    made.at = {}
    return made


@pytest.mark.parametrize("section", some(EDITS, "attack", "presentation", "fit"))
def test_before_a_day_is_recorded_every_section_may_change(tmp_path: Path, section: str) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    before = read_protocol(made.paths.protocol)
    made.edit_protocol(*EDITS[section])
    made.run()
    assert f"({next(iter(key_of(section)))} " in made.listener.said[0]
    (edit,) = read_amendments(made.paths.amendments)
    assert (edit.kind, edit.subject) == ("edit_protocol", key_of(section))
    after = read_protocol(made.paths.protocol)
    assert (edit.before["protocol_sha256"], edit.after["protocol_sha256"]) == (
        protocol_sha256(before), protocol_sha256(after),
    )  # fmt: skip
    ran = list(made.ran)
    made.run()
    assert (made.ran, made.listener.said) == ([], [])
    stages = {"start": 4, "day-00 plan": 3, "day-00 schedule": 1}.get(READ_BY[section], 0)
    assert len(ran) == stages


def protocol_faults(made: Lab) -> list[str]:
    """Return the faults that are about the protocol; the small stages of these tests publish no real documents."""
    faults = [
        fault.message.replace(str(made.paths.root), "") for fault in verify_study(made.paths, table=made.table).faults
    ]
    return [fault for fault in faults if "protocol" in fault or "stale" in fault]


def key_of(section: str) -> tuple[str, ...]:
    return (f"{section}.{EDITS[section][0].split(':')[0].strip()}",)


@pytest.mark.parametrize("stage", some(["ingest", "refit", "evaluate"], "refit"))
@pytest.mark.parametrize("section", some(EDITS, "attack", "recording", "fit", "evaluation"))
def test_of_a_recorded_day_what_no_finished_stage_has_read_may_change(tmp_path: Path, stage: str, section: str) -> None:
    made = recorded_until(tmp_path, stage)
    made.edit_protocol(*EDITS[section])
    order = ["start", "day-00 plan", "day-00 schedule", "day-00 recording"]
    order += [f"day-00 {name}" for name in ("ingest", "refit", "evaluate")]
    is_read = order.index(READ_BY[section]) < order.index(f"day-00 {stage}")
    if not is_read:
        made.run()
        assert made.listener.said[0].startswith(f"{made.paths.protocol} was edited ({key_of(section)[0]} ")
        assert protocol_faults(made) == []
        return
    old, new = (text.split(":")[1].strip() for text in EDITS[section])
    with refused(
        ProtocolError,
        f"{made.paths.protocol}, {key_of(section)[0]}: expected {old}, with which {READ_BY[section]} was made",
        f"found {new}. Restore {key_of(section)[0]}: {old}; a different experiment is a new study",
    ):
        made.run()
    assert (made.ran, read_amendments(made.paths.amendments)) == ([], ())
    made.edit_protocol(*reversed(EDITS[section]))
    made.run()
    assert not made.paths.amendments.exists()


WINDOW = EDITS["recording"]


def test_the_window_may_change_between_a_recording_and_its_ingest(tmp_path: Path) -> None:
    made = recorded_until(tmp_path, "ingest")
    sealed = (made.paths.folder("recording", 0) / MANIFEST_NAME).read_bytes()
    before = read_protocol(made.paths.protocol)
    made.edit_protocol(*WINDOW)
    made.run()
    assert made.listener.said == [
        f"{made.paths.protocol} was edited (recording.window_stop_ms 170.0 -> 180.0): no recorded day was made with "
        f"what changed, the study goes by it from now on. Noted in {made.paths.amendments}."
    ]
    (noted,) = read_amendments(made.paths.amendments)
    assert (noted.kind, noted.day, noted.subject) == ("edit_protocol", None, ("recording.window_stop_ms",))
    assert noted.before == {"protocol_sha256": protocol_sha256(before), "recording.window_stop_ms": "170.0"}
    assert noted.after["recording.window_stop_ms"] == "180.0"
    assert made.ran[0] == "0 ingest"
    (counted,) = made.paths.folder("ingest", 0).glob("*.txt")
    assert json.loads(counted.read_text())[2]["recording"]["window_stop_ms"] == 180.0
    assert (made.paths.folder("recording", 0) / MANIFEST_NAME).read_bytes() == sealed
    assert protocol_faults(made) == []
    made.run()
    assert (made.ran, made.listener.said) == ([], [])


def test_a_recording_that_an_older_version_sealed_stands_as_it_was(tmp_path: Path) -> None:
    """Those versions counted the sections `recording` and `simulation` for what a person had brought."""
    made = recorded_until(tmp_path, "refit")
    folder = made.paths.folder("recording", 0)
    manifest, protocol = read_manifest(folder), read_protocol(made.paths.protocol)
    older = input_hash(
        "recording", FIRST, study=StudyDocument.read(made.paths.study), protocol=protocol,
        sections=("recording", "simulation"), inputs=manifest.inputs,
    )  # fmt: skip
    assert older != manifest.input_hash
    manifest.model_copy(update={"input_hash": older}).write(folder / MANIFEST_NAME)
    made.edit_protocol(*EDITS["fit"])
    made.run()
    assert made.ran == ["0 refit", "0 evaluate"]
    assert protocol_faults(made) == []


def test_an_edited_protocol_is_the_one_that_is_gone_by_until_the_next_edit(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    for value in ("0.01", "0.03", "0.02"):
        text = made.paths.protocol.read_text()
        now = next(line for line in text.splitlines() if "twin_separation_min" in line).split(":")[1].split()[0]
        made.edit_protocol(f"twin_separation_min: {now}", f"twin_separation_min: {value}")
        made.run()
        assert f"presentation.twin_separation_min {now} -> {value}" in made.listener.said[0]
        assert "The session of day 0 is made anew" in made.listener.said[0]
    assert len(read_amendments(made.paths.amendments)) == 3
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.run()
    assert protocol_faults(made) == []
    study = StudyDocument.read(made.paths.study)
    plan = read_manifest(made.paths.folder("plan", 0))
    assert plan.protocol_sha256 == study.protocol_sha256  # edited there and back


@pytest.mark.parametrize("stage", ["present", "recording"])
def test_what_was_brought_and_is_not_sealed_yet_counts_as_recorded(tmp_path: Path, stage: str) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    made.paths.folder(stage, 0).mkdir()
    (made.paths.folder(stage, 0) / "journal.jsonl").touch()
    made.edit_protocol(*SEPARATION)
    with refused(ProtocolError, f"{made.paths.protocol}, presentation.twin_separation_min: expected 0.02"):
        made.run()


def test_a_study_keeps_its_name(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.edit_protocol("name: smoke", "name: other")
    with refused(ProtocolError, f"{made.paths.protocol}, name: expected smoke", "found other. Restore it"):
        made.run()


def test_days_may_be_added_after_the_last_one(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.run()
    made.edit_protocol("days: 1 ", "days: 2 ")
    assert str(made.run().waiting_for).startswith("day 1: the session is ready")
    assert made.listener.said[0].startswith(f"{made.paths.protocol} was edited (days 1 -> 2): no recorded day")


def test_without_the_ledger_it_is_refused_by_the_section(tmp_path: Path) -> None:
    made = recorded_until(tmp_path, "refit")
    made.paths.ledger.unlink()
    made.edit_protocol(*EDITS["attack"])
    with refused(ProtocolError, f"{made.paths.protocol}: expected the sections", "as day-00 plan was made with them"):
        made.run()
    made.edit_protocol(*reversed(EDITS["attack"]))
    made.edit_protocol(*EDITS["fit"])
    made.paths.ledger.unlink(missing_ok=True)
    made.run()
    assert "was edited (what, is not known)" in made.listener.said[0]


def test_verification_says_that_nobody_has_looked_at_an_edit_yet(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    made.edit_protocol(*EDITS["fit"])
    (fault,) = protocol_faults(made)
    assert "expected the protocol that this study goes by, found another" in fault
    made.run()
    assert protocol_faults(made) == []
