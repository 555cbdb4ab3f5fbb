"""A second subject of the same experiment is asked for by naming the first one's study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.study import StudyDocument
from closedloop.errors import StudyError
from closedloop.study.amending.protocol import amend
from closedloop.study.create import create_study
from closedloop.study.loop import read_identity
from closedloop.study.second_subject import like, not_taken_over
from tests.unit.messages import refused
from tests.unit.study.new_studies import image_folder, request


def test_it_has_the_protocol_the_images_and_the_recorder_s_files_of_the_first(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    first = replace(
        request(tmp_path), simulated=False, images=images, arrays=("left=LEFT*", "right=RIGHT*"), nsx=("ns6",)
    )
    create_study(first)
    asked = replace(request(tmp_path), root=tmp_path / "second", subject="another", simulated=False, protocol="")
    made = create_study(like(asked, first.root))
    before, after = StudyDocument.read(first.root / "study.json"), StudyDocument.read(made.study)
    assert made.protocol.read_bytes() == (first.root / "protocol.yaml").read_bytes()
    same = ("protocol_sha256", "pool", "base_model", "arrays", "array_files", "nsx", "simulated")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert after.study_id != before.study_id
    assert after.subject == "another"


def test_what_is_given_counts_and_the_same_subject_is_refused(tmp_path: Path) -> None:
    images, others = image_folder(tmp_path / "images"), image_folder(tmp_path / "others")
    first = replace(request(tmp_path), simulated=False, images=images)
    create_study(first)
    asked = replace(request(tmp_path), root=tmp_path / "second", subject="b", protocol="", images=others)
    assert like(asked, first.root).images == others
    with refused(StudyError, first.root, "expected another subject than nobody"):
        like(replace(asked, subject="nobody"), first.root)


def test_what_was_amended_in_the_first_is_not_taken_over_and_said(tmp_path: Path) -> None:
    first = replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "images"))
    made = create_study(first)
    asked = replace(request(tmp_path), root=tmp_path / "second study", subject="another", protocol="")
    assert not_taken_over(asked, first.root) == ""
    differs = tmp_path / "differs.yaml"
    differs.write_text("attack: {epsilons: [2.5, 5, 10]}\n")
    amend(made, *read_identity(made), from_day=0, file=differs, by="ada", why="finer", foresee=lambda *_a, **_o: None)
    said = not_taken_over(asked, first.root)
    assert "from day 0 on: attack.epsilons" in said
    assert f"closedloop amend '{asked.root}' FILE --from-day DAY --why TEXT" in said
    assert not_taken_over(replace(asked, protocol="smoke"), first.root) == ""
