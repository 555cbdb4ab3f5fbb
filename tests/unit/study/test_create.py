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
from closedloop.errors import CheckpointError, ClosedLoopError, ImageError, ProtocolError, StudyError
from closedloop.models.shipped import shipped_weights
from closedloop.study.create import Request, create_study, find_protocol, shipped_protocols
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
        (too_few, "expected at least 41 images for day 0"),
        (cut_one, "dog/3.png: not a readable image"),
        (overwrite_two, "1 more images cannot be read either"),
        (make_one_deep, "cat/2.png: 8 bits a colour expected"),
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


def test_a_real_study_goes_on_with_the_protocol_it_began_with_and_no_other(tmp_path: Path) -> None:
    paths = create_study(replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "images")))
    content = paths.protocol.read_text()
    paths.protocol.write_text(content.replace("hold_ms: 160.0", "hold_ms: 165.0"))
    with refused(ProtocolError, paths.protocol, "a new study"):
        run_study(paths, Silence())
    paths.protocol.write_text("# a remark\n" + content)
    with pytest.raises(AssertionError, match="start of day -1 began"):
        run_study(paths, Silence())


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
    with refused(StudyError, "--array"):
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
    with pytest.raises(StudyError, match=said):
        create_study(replace(request(tmp_path), **change))
    assert not (tmp_path / "study").exists()
