"""Making a study folder, and every way in which it must not be made."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from closedloop import __version__
from closedloop.artifacts.catalog import IMAGE_LIST, STUDY_INPUTS
from closedloop.artifacts.manifest import read_manifest
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
from closedloop.study.create import Request, create_study, find_protocol, shipped_protocols
from closedloop.study.inputs import compare_inputs
from closedloop.study.loop import read_identity, run_study
from tests.unit.messages import refused

N_IMAGES = 42  # smoke.yaml shows 41 on day 0
PROTOCOLS = Path(__file__).parents[3] / "protocols"


def request(folder: Path) -> Request:
    return Request(root=folder / "study", subject="nobody", simulated=True, protocol="smoke")


def image_folder(folder: Path) -> Path:
    for category in ("cat", "dog"):
        (folder / category).mkdir(parents=True)
        for number in range(N_IMAGES // 2):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / category / f"{number}.png")
    return folder


def test_the_shipped_protocols_are_found_by_name() -> None:
    assert set(shipped_protocols()) == {"guo2022", "dry_run", "smoke"} == {f.stem for f in PROTOCOLS.glob("*.yaml")}
    assert find_protocol("smoke").read_bytes() == (PROTOCOLS / "smoke.yaml").read_bytes()


def test_any_file_is_a_protocol_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own")
    assert find_protocol(str(tmp_path / "own.yaml")) == tmp_path / "own.yaml"


def test_a_name_that_is_neither_is_refused_with_the_names_there_are() -> None:
    with refused(ProtocolError, "protocol smokey:", "dry_run, guo2022, smoke"):
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


def too_few(folder: Path) -> None:
    for path in sorted(folder.rglob("*.png"))[:2]:
        path.unlink()


def cut_one(folder: Path) -> None:
    path = folder / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-40])


def overwrite_two(folder: Path) -> None:
    for name in ("3.png", "7.png"):
        (folder / "cat" / name).write_text("no picture")


def make_one_deep(folder: Path) -> None:
    Image.fromarray(np.zeros((40, 40), dtype=np.uint16)).save(folder / "cat" / "2.png")


def no_class_folder(folder: Path) -> None:
    (folder / "cat" / "0.png").rename(folder / "0.png")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (too_few, "expected at least 41 images for 1 day (6 anchors, 5 normalizers, 30 clean ones a day"),
        (cut_one, "found 1 of 42 that cannot: dog/3.png (not a readable image"),
        (overwrite_two, "found 2 of 42 that cannot: cat/3.png (not a readable image"),
        (make_one_deep, "cat/2.png (8 bits a colour expected, found"),
        (no_class_folder, "both in the folder and in its subfolders"),
    ],
)
def test_a_folder_with_a_bad_image_is_refused_before_anything_is_bound_to_it(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    images = image_folder(tmp_path / "images")
    damage(images)
    asked = replace(request(tmp_path), images=images, simulated=False)
    with refused(ImageError, images, words):
        create_study(asked)
    assert not asked.root.exists()
    shutil.rmtree(images)
    image_folder(images)
    assert create_study(asked).study.is_file()


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


def test_every_image_and_the_base_model_are_listed_by_content(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    seen: list[tuple[int, int]] = []
    asked = replace(request(tmp_path), images=images, simulated=False)
    paths = create_study(asked, progress=lambda done, total: seen.append((done, total)))
    rows = IMAGE_LIST.read(IMAGE_LIST.published(paths, 0))
    files = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in images.rglob("*.png")}
    found = zip(*(rows[name] for name in ("image_id", "sha256", "n_bytes")), strict=True)
    assert {(i, s, n) for i, s, n in found} == {
        (name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()
    }
    inputs = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    weights = shipped_weights("small_resnet_robust").read_bytes()
    assert (inputs.recorded, inputs.n_images, inputs.base_model) == ("init", N_IMAGES, "small_resnet_robust")
    assert inputs.base_model_sha256 == hashlib.sha256(weights).hexdigest()
    assert set(read_manifest(paths.inputs).outputs) == {"inputs.json", "pool.parquet"}
    assert seen[-1] == (N_IMAGES, N_IMAGES)


def test_an_interrupted_init_goes_on_with_what_it_has_read(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    asked = replace(request(tmp_path), images=images, simulated=False)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_study(asked, progress=interrupt)
    unread = images / "cat" / "0.png"
    status, content = unread.stat(), unread.read_bytes()
    unread.write_bytes(bytes(len(content)))  # nobody would take this for an image: it is not read again
    os.utime(unread, ns=(status.st_atime_ns, status.st_mtime_ns))
    rows = IMAGE_LIST.read(IMAGE_LIST.published(create_study(asked), 0))
    listed = dict(zip(rows["image_id"], rows["sha256"], strict=True))
    assert listed["cat/0.png"] == hashlib.sha256(content).hexdigest()
    assert len(listed) == N_IMAGES


def test_a_folder_that_is_no_study_is_not_run(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path, "no study.json", "closedloop init"):
        read_identity(StudyPaths(tmp_path))


class Silence:
    """A reporter that nobody listens to; nothing may begin in these tests."""

    def begin(self, day: int, stage: str, attempt: int) -> None:
        raise AssertionError(f"{stage} of day {day} began")

    def end(self, day: int, stage: str, seconds: float) -> None: ...

    def say(self, text: str) -> None: ...


def test_a_remark_in_the_protocol_is_no_edit_of_it(tmp_path: Path) -> None:
    paths = create_study(replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "images")))
    paths.protocol.write_text("# a remark\n" + paths.protocol.read_text())
    with pytest.raises(AssertionError, match="start of day -1 began"):
        run_study(paths, Silence())
    assert not paths.amendments.exists()


def test_a_study_keeps_which_files_are_of_which_array(tmp_path: Path) -> None:
    paths = create_study(replace(request(tmp_path), arrays=("left=LEFT*", "right = day*_r_*")))
    study = StudyDocument.read(paths.study)
    assert study.arrays == ("left", "right")
    assert [(one.name, one.files) for one in study.array_files] == [("left", "LEFT*"), ("right", "day*_r_*")]


def test_a_study_whose_files_names_tell_has_no_word_on_them(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    assert b"array_files" not in paths.study.read_bytes()
    assert StudyDocument.read(paths.study).array_files == ()


@pytest.mark.parametrize("arrays", [("left",), ("=L*",), ("left=",), ("a=L*", "a=R*"), ("a=L*", "b=l*")])
def test_arrays_that_are_no_pairs_of_name_and_pattern_are_refused(tmp_path: Path, arrays: tuple[str, ...]) -> None:
    with refused(OptionError, "--array"):
        create_study(replace(request(tmp_path), arrays=arrays))
    assert not (tmp_path / "study").exists()


def test_a_recorder_of_another_maker_stands_in_the_study_and_blackrocks_does_not(tmp_path: Path) -> None:
    file = tmp_path / "recorder.yaml"
    file.write_text("maker: neo\ndevices:\n  - raw: {}\n    codes: {lines: [1, 2, 3]}\n")
    ours = tmp_path / "ours.yaml"
    ours.write_text("maker: blackrock\n")
    for name, recorder in (("other", file), ("blackrock", ours)):
        create_study(Request(tmp_path / name, "nobody", simulated=True, protocol="smoke", recorder=recorder))
    other, blackrock = (
        StudyDocument.read(StudyPaths(tmp_path / name).study).recorder for name in ("other", "blackrock")
    )
    assert (other is not None and other.devices[0].codes.lines, blackrock) == ((1, 2, 3), None)
    with refused(StudyError, file, "--array"):
        create_study(
            Request(tmp_path / "two", "nobody", simulated=True, protocol="smoke", recorder=file, arrays=("a=A*",))
        )


def test_the_arrays_and_the_files_of_each_are_told_by_name(tmp_path: Path) -> None:
    wanted = replace(request(tmp_path), arrays=("array1", "nsp2"), nsx=("NS6", ".ns2"))
    study = StudyDocument.read(create_study(wanted).study)
    assert (study.arrays, study.array_files, study.nsx) == (("array1", "nsp2"), (), (".ns2", ".ns6"))


def test_a_study_that_names_no_files_has_the_bytes_of_one_before_they_could_be_named(tmp_path: Path) -> None:
    assert b"nsx" not in create_study(request(tmp_path)).study.read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"arrays": ("left", "right")}, "expected names that tell the processor"), ({"nsx": ("ns7",)}, "--nsx .ns7")],
)
def test_arrays_that_cannot_be_told_apart_and_unknown_files_are_refused(
    tmp_path: Path, change: dict[str, tuple[str, ...]], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        create_study(replace(request(tmp_path), **change))
    assert not (tmp_path / "study").exists()


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
    asked = replace(request(tmp_path), protocol=own, simulated=False, images=tmp_path / "nowhere")
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


def damaged(folder: Path) -> Path:
    """Sixty images, of which five cannot be shown for four reasons, small and other files among them."""
    image_folder(folder)
    for number in range(21, 30):
        Image.new("RGB", (400, 300), (number, 0, 0)).save(folder / "dog" / f"{number}.png")
    cut_one(folder)
    overwrite_two(folder)
    make_one_deep(folder)
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(folder / "dog" / "20.png")
    (folder / "dog" / "notes.txt").touch()
    (folder / "cat" / "phone.HEIC").touch()
    return folder


BAD = {"cat/2.png", "cat/3.png", "cat/7.png", "dog/20.png", "dog/3.png"}


def test_every_image_that_cannot_be_shown_is_told_at_once(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    told: list[str] = []
    with refused(ImageError, images, "found 5 of 51 that cannot", "and 2 more", "--skip-unreadable"):
        create_study(replace(request(tmp_path), images=images, simulated=False), tell=told.append)
    assert {line.removeprefix(f"{images}/").split(":")[0] for line in told} == BAD
    assert not (tmp_path / "study").exists()


def test_of_too_few_images_those_that_cannot_be_shown_are_told_with_the_others(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    for number in range(12):
        (images / "dog" / f"{number}.png").unlink()
    for skips in (True, False):
        asked = replace(request(tmp_path), images=images, simulated=False, skip_unreadable=skips)
        words = ("expected at least 41 images for 1 day", "found 35 that can be shown (and 4 that cannot: cat/2.png (8")
        with refused(ImageError, images, *words, "and 1 more)"):
            create_study(asked)
        assert not asked.root.exists()


def test_a_study_inside_of_its_own_images_is_refused(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    asked = replace(request(images / "cat"), images=images, simulated=False)
    with refused(StudyError, asked.root, f"found it in {images}"):
        create_study(asked)
    assert not asked.root.exists()


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


def test_a_study_can_go_on_without_them_and_says_why_each_is_left_out(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    told: list[str] = []
    asked = replace(request(tmp_path), images=images, simulated=False, skip_unreadable=True)
    paths = create_study(asked, tell=told.append)
    recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    listed = set(IMAGE_LIST.read(IMAGE_LIST.published(paths, 0))["image_id"])
    assert (set(recorded.left_out), recorded.n_images, len(listed & BAD)) == (BAD, 46, 0)
    assert recorded.left_out["cat/2.png"].startswith("8 bits a colour expected, found ")
    assert recorded.left_out["dog/20.png"].startswith("opaque pixels expected, found transparent ones")
    assert told[5:7] == [
        f"{images}: 5 images that cannot be shown are left out: "
        f"cat/2.png ({recorded.left_out['cat/2.png'].split('. ')[0]}), "
        f"cat/3.png ({recorded.left_out['cat/3.png'].split('. ')[0]}), "
        f"cat/7.png ({recorded.left_out['cat/7.png'].split('. ')[0]}) and 2 more. All stand in the study's "
        "inputs/inputs.json.",
        f"{images}: 2 files are no images by their names (1 .heic, 1 .txt) and are not used.",
    ]
    assert compare_inputs(paths, StudyDocument.read(paths.study)) is None  # none of them counts as new


def test_images_that_are_enlarged_are_said_with_the_smallest(tmp_path: Path) -> None:
    """Of 32 px the shorter side becomes 37 before the centre is cut out."""
    images = image_folder(tmp_path / "images")
    for number, side in enumerate((36, 20, 37)):
        Image.new("RGB", (side, 50), (number, 9, 9)).save(images / "cat" / f"small-{number}.png")
    told: list[str] = []
    create_study(replace(request(tmp_path), images=images), tell=told.append)
    assert told == [
        f"{images}: 2 of 45 images are smaller than 37 px on their shorter side and are enlarged, the smallest "
        "(cat/small-1.png) from 20 px."
    ]


def test_categories_that_run_out_are_named(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    for number in range(3, 21):
        (images / "dog" / f"{number}.png").rename(images / "cat" / f"dog-{number}.png")
    told: list[str] = []
    create_study(replace(request(tmp_path), images=images), tell=told.append)
    assert told == [
        f"{images}: 1 of 2 categories (dog) have fewer than 20 images and run out before the last day, which then is "
        "not balanced over all."
    ]


def test_a_study_whose_protocol_became_impossible_ends_before_its_first_stage(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    content = paths.protocol.read_text()
    paths.protocol.write_text(content.replace("twin_separation_min: 0.02", "twin_separation_min: 5.0"))

    class Begun(Silence):
        def begin(self, day: int, stage: str, attempt: int) -> Callable[[int, int], None]:
            assert (day, stage, attempt) == (-1, "start", 1)
            return lambda _done, _total: None

    with refused(ProtocolError, f"{paths.protocol}, presentation.twin_separation_min: expected 5 min"):
        run_study(paths, Begun())
    assert not paths.start.exists()


@pytest.mark.parametrize(("n_processors", "arrays"), [(1, ("array1",)), (2, ("array1", "array2"))])
def test_a_simulated_study_names_the_arrays_that_it_simulates(
    tmp_path: Path, n_processors: int, arrays: tuple[str, ...]
) -> None:
    text = find_protocol("dry_run").read_text()
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(text.replace("  n_electrodes: 96 ", f"  n_processors: {n_processors}\n  n_electrodes: 96 "))
    paths = create_study(Request(tmp_path / "study", "nobody", simulated=True, protocol=str(protocol)))
    assert StudyDocument.read(paths.study).arrays == arrays


def test_a_real_study_that_was_told_no_arrays_names_none(tmp_path: Path) -> None:
    real = replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "photographs"))
    assert StudyDocument.read(create_study(real).study).arrays == ()


@pytest.mark.parametrize("subject", ["", " ", "x" * 10_000, "a\nb", "a\x1b[2J", "\u202e", "\udcff"])
def test_a_subject_that_nobody_can_read_is_refused_and_leaves_nothing(tmp_path: Path, subject: str) -> None:
    with refused(OptionError, "--subject: expected a name"):
        create_study(replace(request(tmp_path), subject=subject))
    assert not (tmp_path / "study").exists()


def test_a_name_that_is_nearly_one_of_ours_is_understood() -> None:
    with refused(ProtocolError, "protocol gou2022", "Did you mean guo2022?"):
        find_protocol("gou2022")
