"""A laboratory's own photographs and base models, through the real command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from closedloop.artifacts.day.session import SessionDocument
from closedloop.models.backbones import build_classifier
from tests.loop.studies import PROTOCOL, WAITING, closedloop, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PATCH_PX = 96


def photographs(folder: Path, *, n_patches: int) -> Path:
    """Crop the photographs that scikit-image ships into patches, one class folder a photograph."""
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        picture = getattr(skimage.data, name)()
        height, width = picture.shape[:2]
        draw = np.random.default_rng([ord(letter) for letter in name])
        (folder / name).mkdir(parents=True)
        for number in range(n_patches):
            top, left = draw.integers(height - PATCH_PX), draw.integers(width - PATCH_PX)
            Image.fromarray(picture[top : top + PATCH_PX, left : left + PATCH_PX]).save(folder / name / f"{number}.png")
    return folder


def protocol_with(path: Path, **changes: str) -> Path:
    """Write the small protocol with some of its lines changed."""
    lines = PROTOCOL.read_text().splitlines()
    for name, value in changes.items():
        places = [place for place, line in enumerate(lines) if line.strip().startswith(f"{name}:")]
        assert len(places) == 1, name
        indent = lines[places[0]][: len(lines[places[0]]) - len(lines[places[0]].lstrip())]
        lines[places[0]] = f"{indent}{name}: {value}"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_day_closes_on_real_photographs(tmp_path: Path) -> None:
    images = photographs(tmp_path / "photographs", n_patches=12)
    study = tmp_path / "study"
    finished = closedloop("dry-run", study, "--protocol", PROTOCOL, "--images", images, "--days", "1")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    queue = json.loads((study / "start" / "queue.json").read_text())
    assert {image["category"] for image in queue["clean"]} == {"astronaut", "chelsea", "coffee", "rocket"}
    assert (study / "report" / "index.html").is_file()
    rows = (study / "report" / "sensitivity.csv").read_text().splitlines()
    assert {row.split(",")[2] for row in rows[1:]} >= {"paper", "true", "white_box"}


@pytest.fixture(scope="module")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "resnet50.pt"
    torch.save(build_classifier("resnet50", seed=7).state_dict(), path)
    return path


def small_resnet50_protocol(folder: Path) -> Path:
    return protocol_with(
        folder / "small_resnet50.yaml",
        side_px="224",
        architecture="resnet50",
        layer="layer4.0",
        clean_per_day="6",
        anchors="2",
        normalizers="2",
        n_sites="2",
        anchors_per_site="1",
        epsilons="[10.0]",
        n_images="1",
        steps="1",
        image_scale="2",
    )


def test_init_with_photographs_and_a_resnet50_reaches_the_end_of_schedule(tmp_path: Path, resnet50: Path) -> None:
    images = photographs(tmp_path / "photographs", n_patches=4)
    study = tmp_path / "study"
    protocol = small_resnet50_protocol(tmp_path)
    arguments = ("--protocol", protocol, "--subject", "m1", "--images", images, "--base-model", resnet50)
    finished = closedloop("init", study, *arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    session = SessionDocument.read(study / "day-00" / "schedule" / "session.json")
    assert not session.simulated
    assert session.monkey is None
    assert np.load(study / "day-00" / "schedule" / "images.npy", mmap_mode="r").shape[1:] == (224, 224, 3)
    assert "rig present" in finished.stdout
    again = closedloop("run", study)
    assert again.returncode == WAITING
    assert "Waiting for you: day 0" in again.stdout


def test_a_corrupt_checkpoint_is_one_line_and_nothing_is_left_behind(tmp_path: Path, resnet50: Path) -> None:
    images = photographs(tmp_path / "photographs", n_patches=4)
    broken = tmp_path / "broken.pt"
    broken.write_bytes(resnet50.read_bytes()[:1_000_000])
    arguments = ("--protocol", small_resnet50_protocol(tmp_path), "--subject", "m1", "--images", images)
    message = one_line_error(closedloop("init", tmp_path / "study", *arguments, "--base-model", broken))
    assert str(broken) in message


def test_a_checkpoint_with_a_wrong_key_names_it(tmp_path: Path) -> None:
    state = build_classifier("resnet50", seed=7).state_dict()
    state["layer4.0.conv1.wrong"] = state.pop("layer4.0.conv1.weight")
    path = tmp_path / "wrong.pt"
    torch.save(state, path)
    images = photographs(tmp_path / "photographs", n_patches=4)
    arguments = ("--protocol", small_resnet50_protocol(tmp_path), "--subject", "m1", "--images", images)
    message = one_line_error(closedloop("init", tmp_path / "study", *arguments, "--base-model", path))
    assert "layer4.0.conv1" in message


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_image_is_one_line_and_the_same_command_goes_on_once_it_is_mended(
    tmp_path: Path, damage: str
) -> None:
    images = photographs(tmp_path / "photographs", n_patches=9)
    victim = images / "coffee" / "3.png"
    content = victim.read_bytes()
    study = tmp_path / "study"
    arguments = ("dry-run", study, "--protocol", PROTOCOL, "--images", images, "--days", "1")
    if damage == "truncated":
        victim.write_bytes(content[: len(content) // 2])
        message = one_line_error(closedloop(*arguments))
        assert message.startswith(
            f"{images}: expected images that can be shown, found 1 of 36 that cannot: coffee/3.png ("
        )
        assert not study.exists()
        victim.write_bytes(content)
    else:
        images.rename(tmp_path / "elsewhere")
        message = one_line_error(closedloop(*arguments))
        assert str(images) in message
        (tmp_path / "elsewhere").rename(images)
    assert closedloop(*arguments).returncode == 0


def test_an_anchor_that_was_overwritten_between_two_days_is_refused_and_never_shown_as_another(tmp_path: Path) -> None:
    images = photographs(tmp_path / "photographs", n_patches=20)
    study = tmp_path / "study"
    arguments = ("dry-run", study, "--protocol", PROTOCOL, "--images", images)
    finished = closedloop(*arguments, "--days", "1")
    assert finished.returncode == 0, finished.stderr
    anchor = images / json.loads((study / "start" / "queue.json").read_text())["anchors"][0]["image_id"]
    content = anchor.read_bytes()
    Image.new("RGB", (PATCH_PX, PATCH_PX)).save(anchor)
    message = one_line_error(closedloop(*arguments))
    assert message.startswith(f"{anchor}: expected the bytes that were listed, found others")
    anchor.write_bytes(content)
    assert closedloop(*arguments).returncode == 0


def test_a_separation_is_mended_without_making_attacks_again(tmp_path: Path) -> None:
    images, study = photographs(tmp_path / "photographs", n_patches=20), tmp_path / "study"
    arguments = ("--protocol", protocol_with(tmp_path / "own.yaml"), "--subject", "m1", "--images", images)
    finished = closedloop("init", study, *arguments)
    assert finished.returncode == 0, finished.stderr
    assert re.search(r" gradients of the model; a few were timed: (about|under) ", finished.stdout)
    attacks = {path.name: path.stat().st_mtime_ns for path in (study / "day-00" / "synthesize").iterdir()}
    planned = (study / "day-00" / "plan" / "manifest.json").read_bytes()
    protocol = study / "protocol.yaml"
    protocol.write_text(protocol.read_text().replace("twin_separation_min: 0.0", "twin_separation_min: 60.0"))
    message = one_line_error(closedloop("run", study))
    assert message.startswith(f"{protocol}, presentation.twin_separation_min: expected 60 min between an image and its")
    protocol.write_text(protocol.read_text().replace("twin_separation_min: 60.0", "twin_separation_min: 0.01"))
    again = closedloop("run", study)
    assert again.returncode == WAITING, again.stderr
    assert "presentation.twin_separation_min 60.0 -> 0.01" in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in (study / "day-00" / "synthesize").iterdir()} == attacks
    assert (study / "day-00" / "plan" / "manifest.json").read_bytes() != planned
    assert len((study / "amendments.jsonl").read_text().splitlines()) == 2
