"""Other numbers from a day on: earlier days keep theirs byte for byte, and taken back there is no trace in the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import START_DAY, StudyDocument
from closedloop.errors import ClosedLoopError, OptionError, ProtocolError, StudyError
from closedloop.stages.context import StageContext
from closedloop.study.amending.protocol import amend, not_compared, planned_anew
from closedloop.study.amending.sessions import add_block
from closedloop.study.amending.withdraw import withdraw
from closedloop.study.foresight.days import ForeseesDays, refuse_impossible_days
from tests.unit.study.amending.decided_labs import skip
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

EPSILONS = "attack: {epsilons: [2.5, 5, 10]}"


def amended(made: Lab, text: str, *, from_day: int, why: str = "a finer curve") -> None:
    file = made.paths.root.with_name("differs.yaml")
    file.write_text(text)
    amend(made.paths, *identity(made), from_day=from_day, file=file, by="ada", why=why, foresee=foresee_of(made))


def simulated(root: Path, *, days: int = 3) -> Lab:
    """Return a simulated study of smoke.yaml with spikes of the recorder: its raw voltage is of day 0 alone."""
    made = lab(root, days=days)
    made.edit_protocol("spikes_from: raw ", "spikes_from: nev ")
    return made


def taken_back(made: Lab, number: int) -> None:
    withdraw(made.paths, *identity(made), number=number, by="ada", why="too long a day", foresee=foresee_of(made))


def foresee_of(made: Lab) -> ForeseesDays:
    """Return who looks ahead: nobody once day 0 is ingested, since these stages write no table of sites."""
    ingested = made.paths.folder("ingest", 0).is_dir()
    return (lambda *_arguments, **_options: None) if ingested else refuse_impossible_days


def identity(made: Lab):  # type: ignore[no-untyped-def]
    return StudyDocument.read(made.paths.study), read_protocol(made.paths.protocol)


def published(made: Lab) -> dict[str, dict[str, str]]:
    """Return what every folder was made of and holds, by its path: all of a manifest but when and where."""
    found = {}
    for manifest in sorted(made.paths.root.glob("**/manifest.json")):
        one = read_manifest(manifest.parent)
        found[made.paths.relative(manifest.parent)] = {
            "input_hash": one.input_hash,
            **{name: entry.sha256 for name, entry in one.outputs.items()},
        }
    return found


def seen(made: Lab, stage: str, day: int) -> dict[str, object]:
    """Return the sections that a stage saw."""
    text = (made.paths.folder(stage, day) / f"{stage}.txt").read_text()
    sections: dict[str, object] = json.loads(text)[2]
    return sections


def recorded_day_0(root: Path, *, days: int = 3) -> Lab:
    """Return a real study whose day 0 is done and whose day 1 waits for its session."""
    made = lab(root, days=days, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.run()
    assert (made.paths.folder("schedule", 1) / MANIFEST_NAME).is_file()
    return made


def test_later_days_go_by_what_was_amended_and_earlier_ones_stay_as_they_are(tmp_path: Path) -> None:
    made, other = simulated(tmp_path / "one"), simulated(tmp_path / "other")
    other.run()
    made.run(days=1)
    amended(made, EPSILONS, from_day=1)
    made.run()
    of_one, of_other = published(made), published(other)
    before = [name for name in of_one if name.startswith(("start", "day-00"))]
    assert {name: of_one[name] for name in before} == {name: of_other[name] for name in before}
    assert of_one["day-01/plan"] != of_other["day-01/plan"]
    assert [seen(made, "plan", day)["attack"]["epsilons"] for day in range(3)] == [  # type: ignore[index]
        [2.5, 10.0],
        [2.5, 5.0, 10.0],
        [2.5, 5.0, 10.0],
    ]


def test_a_manifest_names_the_protocol_of_its_day(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=2)
    amended(made, EPSILONS, from_day=1)
    made.run()
    hashes = [read_manifest(made.paths.folder("plan", day)).protocol_sha256 for day in range(2)]
    (line,) = read_amendments(made.paths.amendments)
    assert hashes == [protocol_sha256(read_protocol(made.paths.protocol)), line.after["protocol_sha256 from day 1"]]
    assert read_manifest(made.paths.folder("queue", 0)).protocol_sha256 == hashes[1]  # it draws for day 1


def test_the_images_of_a_day_are_drawn_as_many_as_that_day_shows(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=3)
    made.run()
    amended_at_start = simulated(tmp_path / "other", days=3)
    amended(amended_at_start, "images: {clean_per_day: 20}", from_day=2)
    amended_at_start.run()
    numbers = [seen(amended_at_start, "queue", day)["images"]["clean_per_day"] for day in (0, 1)]  # type: ignore[index]
    assert numbers == [30, 20]
    assert published(made)["day-01/evaluate"] == published(amended_at_start)["day-01/evaluate"]


def test_a_planned_day_of_an_animal_is_planned_anew_and_taken_back_it_is_what_it_was(tmp_path: Path) -> None:
    made = recorded_day_0(tmp_path / "study")
    without = published(made)
    amended(made, EPSILONS, from_day=1)
    assert made.run().waiting_for
    assert made.ran == ["1 plan", "1 synthesize", "1 schedule"]
    assert published(made) != without
    taken_back(made, 1)
    made.run()
    assert published(made) == without
    assert [line.kind for line in read_amendments(made.paths.amendments)] == ["amend_protocol", "withdraw"]


def test_the_session_that_is_ready_is_named_whichever_of_its_day_it_is(tmp_path: Path) -> None:
    made = recorded_day_0(tmp_path / "study")
    assert " The session of day 1 is made anew" in planned_anew(made.paths, 0, ("images",), remedy="take this back")
    add_block(made.paths, *identity(made), day=0, by="ada", why="it works on")
    made.run()
    said = planned_anew(made.paths, 0, ("images",), remedy="take this back")
    assert "The session of day 0, session 2 is made anew" in said
    assert "The session of day 1 is" in planned_anew(made.paths, 1, ("images",), remedy="take this back")
    skip(made, 1)
    assert planned_anew(made.paths, 1, ("images",), remedy="take this back") == ""


def test_what_decides_no_stage_makes_nothing_anew(tmp_path: Path) -> None:
    made = recorded_day_0(tmp_path / "study")
    amended(made, "gates: {hours: {hold: 1.5}}", from_day=1)
    made.run()
    assert made.ran == []


@pytest.mark.parametrize("stage", ["present", "recording"])
def test_a_day_that_an_animal_has_seen_is_refused(tmp_path: Path, stage: str) -> None:
    made = recorded_day_0(tmp_path / "study")
    (folder := made.paths.folder(stage, 1)).mkdir()
    (folder / "journal.jsonl").write_text("{}")
    with pytest.raises(StudyError, match=r"found day 1 shown or recorded: .* Pass --from-day 2\.$"):
        amended(made, EPSILONS, from_day=1)
    assert not made.paths.amendments.exists()
    amended(made, EPSILONS, from_day=2)


def test_nothing_is_taken_back_that_a_recorded_day_went_by(tmp_path: Path) -> None:
    made = recorded_day_0(tmp_path / "study")
    amended(made, EPSILONS, from_day=1)
    made.run()
    bring(made.paths, 1)
    with pytest.raises(StudyError, match="found day 1 shown or recorded: nothing recorded is made again"):
        taken_back(made, 1)
    assert len(read_amendments(made.paths.amendments)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 3", r"seed: .*all that is drawn at random derives from it"),
        ("days: 9", r"days: .*edit it in protocol\.yaml"),
        ("images: {anchors: 5}", r"images\.anchors: .*\(images\.anchor_repetitions, clean_per_day.*drawn once"),
        ("attack: {steps: 9}", r"attack\.steps: .*\(attack\.anchors_per_site, epsilons"),
        ("presentation: {on_ms: 200}", r"presentation\.on_ms: .*do not compare"),
        ("gates: {simulated: hold}", r"gates\.simulated: .*of the whole study"),
        ("recording: {window_start_ms: 50}", r"recording\.window_start_ms: .*counted alike"),
        ("speed: {high: 1}", r"speed\.high: expected a section of the protocol"),
        ("attack: 3", r"attack: expected a key that may differ"),
        ("attack: {}", r"expected keys of the protocol that differ"),
        ("attack: {epsilons: [10, 2.5]}", r"ascending"),
        ("attack: {epsilons: [2.5, 10]}", r"found what it goes by already"),
        ("attack: {repetitions: [2]}", r"attack\.repetitions"),
        ("trial: {hours_per_day: 0.001}", r"hours_per_day: expected a day that fits"),
        ("trial: {patience: 3}", r"patience"),
        ("images: {clean_per_day: 300}", r"expected at most 600 images for all days"),
        ("attack: {epsilons: [0.001]}", r"epsilons: expected at least .* one grey level"),
    ],
)
def test_what_may_not_differ_or_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    made = simulated(tmp_path / "study", days=3)
    with pytest.raises(ClosedLoopError, match=said) as refused:
        amended(made, text, from_day=1)
    assert "\n" not in str(refused.value)
    assert not made.paths.amendments.exists()


def test_a_day_the_study_does_not_have_and_a_missing_reason_are_refused(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=2)
    with pytest.raises(StudyError, match="expected a day from 0 to 1, found 2"):
        amended(made, EPSILONS, from_day=2)
    with pytest.raises(OptionError, match="--why: expected a reason"):
        amended(made, EPSILONS, from_day=1, why=" ")


def test_epsilons_of_which_none_was_shown_before_are_warned_of(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=3)

    def warned() -> str:
        lines = read_amendments(made.paths.amendments)
        return not_compared(read_protocol(made.paths.protocol), lines, lines[-1])

    amended(made, EPSILONS, from_day=1)
    assert warned() == ""
    amended(made, "attack: {epsilons: [5, 20]}", from_day=2)
    assert "Days before 2 and days from it on can then not be compared" in warned()
    assert "Keep one of 2.5, 10," in warned()
    amended(made, "attack: {epsilons: [3, 20]}", from_day=0)
    assert warned() == ""  # no day is before it


def test_lines_that_cannot_be_taken_back_say_so(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=2)
    amended(made, EPSILONS, from_day=1)
    taken_back(made, 1)
    for number, said in ((1, "ada took it back"), (2, "found withdraw"), (3, "expected a line from 1 to 2")):
        with pytest.raises(StudyError, match=said):
            taken_back(made, number)


def test_protocol_yaml_is_not_edited_to_what_an_amended_day_cannot_go_by(tmp_path: Path) -> None:
    made = lab(tmp_path / "study", days=2, simulated=False)
    made.run()
    amended(made, "attack: {fresh_images_per_site: 30}", from_day=1)
    made.edit_protocol("clean_per_day: 30 ", "clean_per_day: 20 ")
    with pytest.raises(ProtocolError, match=r"amendments\.jsonl, day 1: .*fresh_images_per_site"):
        made.run()


def test_an_edit_of_protocol_yaml_and_an_amendment_are_known_by_every_manifest(tmp_path: Path) -> None:
    made = recorded_day_0(tmp_path / "study")
    amended(made, "trial: {reward_ms: 90.0}", from_day=2)
    made.run()
    made.edit_protocol("days: 3 ", "days: 4 ")
    made.run()
    amendment, edit = read_amendments(made.paths.amendments)
    assert (edit.kind, edit.subject) == ("edit_protocol", ("days",))
    assert "protocol_sha256 from day 2" in {*amendment.after} & {*edit.after}
    bring(made.paths, 1)
    bring_recording(made.paths, 1)
    made.run()
    assert (made.paths.folder("schedule", 2) / MANIFEST_NAME).is_file()
    assert seen(made, "schedule", 2)["trial"]["reward_ms"] == 90.0  # type: ignore[index]
    assert made.run().waiting_for


def test_who_decides_while_a_stage_works_is_heard_at_the_next_one(tmp_path: Path) -> None:
    made = simulated(tmp_path / "study", days=2)
    decisions = [EPSILONS]

    def decide(_context: StageContext) -> None:
        if decisions:
            amended(made, decisions.pop(), from_day=1)

    made.at = {"1 plan": decide}
    made.run()
    assert made.ran.count("1 plan") == 2  # what was under way ended with what it began with
    assert made.ran[-1] == "1 evaluate"
    assert seen(made, "synthesize", 1)["attack"]["epsilons"] == [2.5, 5.0, 10.0]  # type: ignore[index]
    assert START_DAY not in [day for day, _, _ in made.listener.begun[2:]]
