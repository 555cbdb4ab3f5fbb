"""Making a study folder, and every way in which it must not be made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from closedloop import __version__
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.create import refuse_other_study
from closedloop.errors import (
    CheckpointError,
    ClosedLoopError,
    ImageError,
    OptionError,
    ProtocolError,
    StorageError,
    StudyError,
)
from closedloop.models.shipped import shipped_weights
from closedloop.study.create import create_study, find_protocol, shipped_protocols
from closedloop.study.loop import read_identity, run_study
from tests.unit.messages import refused
from tests.unit.study.new_studies import PROTOCOLS, image_folder, request


def test_the_shipped_protocols_are_found_by_name() -> None:
    assert set(shipped_protocols()) == {f.stem for f in PROTOCOLS.glob("*.yaml")}
    assert {"guo2022", "ahead", "dry_run", "smoke"} < set(shipped_protocols())  # the others are studies' own
    assert find_protocol("smoke").read_bytes() == (PROTOCOLS / "smoke.yaml").read_bytes()


def test_any_file_is_a_protocol_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own")
    assert find_protocol(str(tmp_path / "own.yaml")) == tmp_path / "own.yaml"


def test_a_name_that_is_neither_is_refused_with_the_names_there_are() -> None:
    with refused(ProtocolError, "protocol smokey:", "dry_run, evolution, guo2022,", "smoke"):
        find_protocol("smokey")


def test_a_study_begins_with_its_protocol_as_written_and_its_identity(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    assert {path.name for path in paths.root.iterdir()} == {"inputs", "protocol.yaml", "study.json"}
    assert paths.protocol.read_bytes() == (PROTOCOLS / "smoke.yaml").read_bytes()
    study, protocol = read_identity(paths)
    assert (study.subject, study.simulated, study.protocol_name) == ("nobody", True, "smoke")
    assert (study.code_version, study.base_model) == (__version__, "small_resnet_robust")
    assert study.pool.model_dump(exclude_none=True) == {
        "kind": "procedural", "side_px": 32, "seed": 2022, "n_categories": 30, "n_per_category": 20,
    }  # fmt: skip
    assert protocol == read_protocol(PROTOCOLS / "smoke.yaml")


def test_subject_protocol_and_mark_each_make_another_study(tmp_path: Path) -> None:
    own = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text()) | {"seed": 1}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    usual = request(tmp_path)
    asked = [
        usual,
        replace(usual, subject="somebody"),
        replace(usual, protocol=str(tmp_path / "own.yaml")),
        replace(usual, simulated=False, images=image_folder(tmp_path / "images")),
    ]
    made = [create_study(replace(one, root=tmp_path / str(place))) for place, one in enumerate(asked)]
    identities = [StudyDocument.read(paths.study).study_id for paths in made]
    assert len(set(identities)) == len(asked)
    again = create_study(replace(usual, root=tmp_path / "again"))
    assert StudyDocument.read(again.study).study_id == identities[0]


def test_images_of_a_folder_and_own_weights_are_kept_by_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_folder(tmp_path / "images")
    shutil.copy(shipped_weights("small_resnet_robust"), tmp_path / "w.safetensors")
    monkeypatch.chdir(tmp_path)
    asked = replace(request(tmp_path), images=Path("images"), base_model=Path("w.safetensors"), simulated=False)
    study = StudyDocument.read(create_study(asked).study)
    assert (study.pool.kind, study.pool.side_px) == ("imagenet_folder", 32)
    assert Path(study.pool.folder or "") == tmp_path / "images"
    assert Path(study.base_model) == tmp_path / "w.safetensors"
    assert not study.simulated


def test_an_animal_is_not_shown_computed_images(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path / "study", "folder of images", "--images"):
        create_study(replace(request(tmp_path), simulated=False))
    assert not (tmp_path / "study").exists()


def test_a_study_is_never_made_twice(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    before = paths.study.read_bytes()
    with refused(StudyError, paths.root, f"closedloop run {paths.root}"):
        create_study(replace(request(tmp_path), subject="another"))
    assert paths.study.read_bytes() == before


def test_a_folder_with_files_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.tex").touch()
    with refused(StudyError, tmp_path / "study", "found files"):
        create_study(request(tmp_path))
    with refused(StudyError, tmp_path / "study" / "thesis.tex", "found a file"):
        create_study(replace(request(tmp_path), root=tmp_path / "study" / "thesis.tex"))
    assert {path.name for path in (tmp_path / "study").iterdir()} == {"thesis.tex"}


@pytest.mark.parametrize("left", [(), ("protocol.yaml",), (".inputs.partial/.scratch-1", "inputs/pool.parquet")])
def test_an_empty_folder_and_one_that_a_crash_left_are_taken(tmp_path: Path, left: tuple[str, ...]) -> None:
    for folder in ("", "inputs", ".inputs.partial"):
        if not folder or any(name.startswith(f"{folder}/") for name in left):
            (tmp_path / "study" / folder).mkdir()
    for name in left:
        (tmp_path / "study" / name).write_text("half of a prot")
    assert create_study(request(tmp_path)).protocol.read_bytes() == (PROTOCOLS / "smoke.yaml").read_bytes()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"images": Path("nowhere")}, ImageError),
        ({"protocol": "no such"}, ProtocolError),
        ({"base_model": Path("nowhere.safetensors")}, CheckpointError),
        ({"base_model": Path(__file__)}, CheckpointError),
    ],
)
def test_a_refused_request_leaves_nothing_behind(
    tmp_path: Path, change: dict[str, Path | str], error: type[ClosedLoopError]
) -> None:
    with pytest.raises(error):
        create_study(replace(request(tmp_path), **change))
    assert not (tmp_path / "study").exists()


def test_a_folder_that_is_no_study_is_not_run(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path, "no study.json", "closedloop init"):
        read_identity(StudyPaths(tmp_path))


class Silence:
    """A reporter that nobody listens to; nothing may begin in these tests."""

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> None:
        raise AssertionError(f"{stage} of day {day} began")

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None: ...

    def say(self, text: str) -> None: ...


def test_a_remark_in_the_protocol_is_no_edit_of_it(tmp_path: Path) -> None:
    paths = create_study(replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "images")))
    paths.protocol.write_text("# a remark\n" + paths.protocol.read_text())
    with pytest.raises(AssertionError, match="start of day -1 began"):
        run_study(paths, Silence())
    assert not paths.amendments.exists()


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_study_made_twice_is_the_same_bytes(tmp_path: Path) -> None:
    asked = replace(request(tmp_path), images=image_folder(tmp_path / "images"), simulated=False)
    made = [create_study(replace(asked, root=tmp_path / name)).root for name in ("one", "two")]
    assert everything(made[0]) == everything(made[1])
    assert len(everything(made[0])) == 5


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_init_leaves_nothing_in_sight(tmp_path: Path, interrupted: BaseException) -> None:
    images = image_folder(tmp_path / "images")

    def interrupt(_done: int, _total: int) -> None:
        raise interrupted

    with pytest.raises((KeyboardInterrupt, StorageError)):
        create_study(replace(request(tmp_path / "runs"), images=images, simulated=False), progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def protocol_of(folder: Path, name: str, **lines: str) -> str:
    """Write a shipped protocol with some of its lines changed."""
    text = (PROTOCOLS / f"{name}.yaml").read_text()
    for key, value in lines.items():
        before = next(line for line in text.splitlines() if line.strip().startswith(f"{key}:"))
        text = text.replace(before, f"{before.split(':')[0]}: {value}")
    (folder / f"{name}.yaml").write_text(text)
    return str(folder / f"{name}.yaml")


def test_an_impossible_separation_is_refused_by_numbers_alone(tmp_path: Path) -> None:
    """No image is there and no base model: neither was looked for."""
    own = protocol_of(tmp_path, "guo2022", twin_separation_min="25.0")
    asked = replace(request(tmp_path), protocol=own, simulated=False, images=tmp_path / "nowhere", days=1)
    with refused(ProtocolError, f"{own}, presentation.twin_separation_min: expected 25 min", "can be kept on day 0"):
        create_study(asked)
    assert not asked.root.exists()


def test_the_papers_experiment_asks_for_its_base_model_by_name(tmp_path: Path) -> None:
    asked = replace(request(tmp_path), protocol="guo2022", simulated=False, images=tmp_path / "nowhere", days=1)
    with refused(
        CheckpointError,
        "--base-model: expected the weight file of resnet50, read out at layer4.0, found none given",
        "ResNet-50 trained adversarially (L2, epsilon 2)",
        "closedloop base-model import FILE",
    ):
        create_study(asked)
    assert not asked.root.exists()


@pytest.mark.parametrize(
    ("lines", "error", "words"),
    [
        (
            {"layer": "layer9.0"},
            ProtocolError,
            r"smoke\.yaml, base_model\.layer: expected one of stem, .* found 'layer9\.0'",
        ),
        ({"weights": "no_such"}, CheckpointError, "--base-model: expected the weight file of small_resnet"),
        ({"raw_days": "[0, 1]"}, ProtocolError, "recording.raw_days: expected days below 1, .* found 1. Correct it"),
        ({"days": "999999999999"}, ProtocolError, "days: expected at most 100, found 999999999999. Correct it."),
        ({"fixation_dot_px": "601"}, ProtocolError, "trial.fixation_dot_px: .* at most 600 px, found 601 px"),
        ({"n_categories": "31"}, ImageError, "1 to 30 categories exist, 31 asked for"),
        ({"n_per_category": "1"}, ImageError, "expected at least 41 images for 1 day"),
    ],
)
def test_what_does_not_fit_the_protocol_is_refused_before_there_is_a_folder(
    tmp_path: Path, lines: dict[str, str], error: type[ClosedLoopError], words: str
) -> None:
    with pytest.raises(error, match=words):
        create_study(replace(request(tmp_path), protocol=protocol_of(tmp_path, "smoke", **lines)))
    assert not (tmp_path / "study").exists()


def test_more_days_than_the_protocol_has_are_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    with refused(StudyError, "--days: expected at most 1 day, as protocol smoke has, found 99."):
        create_study(replace(request(tmp_path), days=99))
    assert list(tmp_path.iterdir()) == []


def test_shipped_weights_are_named_by_option_too(tmp_path: Path) -> None:
    asked = replace(request(tmp_path), base_model=Path("small_resnet_vanilla"))
    assert StudyDocument.read(create_study(asked).study).base_model == "small_resnet_vanilla"
    given = ["base_model"]
    same = {"protocol": "smoke", "subject": "nobody", "images": None}
    refuse_other_study(asked.root, given, base_model=Path("small_resnet_vanilla"), **same)
    with refused(StudyError, asked.root, "expected --base-model small_resnet_vanilla"):
        refuse_other_study(asked.root, given, base_model=Path("small_resnet_robust"), **same)


def test_weights_of_another_architecture_than_the_protocol_s_are_refused_with_its_key(tmp_path: Path) -> None:
    weights = shutil.copy(shipped_weights("small_resnet_robust"), tmp_path / "w.safetensors")
    asked = replace(request(tmp_path), protocol="guo2022", simulated=False, images=image_folder(tmp_path / "images"))
    said = "as base_model.architecture in", "guo2022.yaml says, found small_resnet. Give weights of that architecture"
    with refused(CheckpointError, f"--base-model {weights}: expected weights of resnet50", *said):
        create_study(replace(asked, base_model=Path(weights)))


def test_a_study_whose_protocol_became_impossible_ends_before_its_first_stage(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    content = paths.protocol.read_text()
    paths.protocol.write_text(content.replace("twin_separation_min: 0.02", "twin_separation_min: 5.0"))

    class Begun(Silence):
        def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> Callable[[int, int], None]:
            assert (day, stage, attempt) == (-1, "start", 1)
            return lambda _done, _total: None

    with refused(ProtocolError, f"{paths.protocol}, presentation.twin_separation_min: expected 5 min"):
        run_study(paths, Begun())
    assert not paths.start.exists()


@pytest.mark.parametrize("subject", ["", " ", "x" * 10_000, "a\nb", "a\x1b[2J", "\u202e", "\udcff"])
def test_a_subject_that_nobody_can_read_is_refused_and_leaves_nothing(tmp_path: Path, subject: str) -> None:
    with refused(OptionError, "--subject: expected a name"):
        create_study(replace(request(tmp_path), subject=subject))
    assert not (tmp_path / "study").exists()


def test_a_name_that_is_nearly_one_of_ours_is_understood() -> None:
    with refused(ProtocolError, "protocol gou2022", "Did you mean guo2022?"):
        find_protocol("gou2022")
