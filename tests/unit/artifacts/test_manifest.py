"""The manifest's promise: these files, these bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.artifacts.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    describe_files,
    missing_line,
    read_manifest,
    relative_files,
    verify_files,
    way_back,
)
from closedloop.errors import DocumentError, ManifestError
from tests.unit.messages import refused

CONTENT = {"a.bin": bytes(range(256)), "deep/b.txt": b"text\n", "empty": b""}


def promised(folder: Path) -> Manifest:
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    manifest = Manifest(
        simulated=True,
        stage="plan",
        day=0,
        seed=1,
        code_version="0",
        protocol_sha256="p",
        input_hash="i",
        inputs={},
        outputs=describe_files(folder),
        seconds=0.5,
        peak_memory_mb=1,
    )
    manifest.write(folder / MANIFEST_NAME)
    return manifest


def test_a_manifest_names_size_and_sha256_of_every_file_but_itself(tmp_path: Path) -> None:
    promised(tmp_path)
    assert read_manifest(tmp_path).outputs == {
        name: FileEntry(sha256=hashlib.sha256(content).hexdigest(), n_bytes=len(content))
        for name, content in CONTENT.items()
    }
    (tmp_path / ".hidden").touch()
    assert relative_files(tmp_path) == sorted(CONTENT)


def test_a_hash_that_is_known_is_not_computed_again(tmp_path: Path) -> None:
    promised(tmp_path)
    entries = describe_files(tmp_path, known={"empty": "0" * 64})
    assert entries["empty"].sha256 == "0" * 64
    assert entries["a.bin"].sha256 == hashlib.sha256(CONTENT["a.bin"]).hexdigest()


def test_untouched_files_keep_the_promise(tmp_path: Path) -> None:
    verify_files(tmp_path, promised(tmp_path))


def test_a_file_that_was_cut_is_told_without_being_read(tmp_path: Path) -> None:
    promised(tmp_path)
    assert missing_line(tmp_path, simulated=True) == ""
    (tmp_path / "deep" / "b.txt").write_bytes(b"te")
    said = missing_line(tmp_path, simulated=True)
    assert said.startswith(f"{tmp_path / 'deep' / 'b.txt'}: expected the 5 bytes that manifest.json names, found 2")


def test_a_missing_file_breaks_it(tmp_path: Path) -> None:
    manifest = promised(tmp_path)
    (tmp_path / "deep" / "b.txt").unlink()
    with refused(ManifestError, tmp_path / "deep" / "b.txt", "of 5 bytes, found none", "Restore"):
        verify_files(tmp_path, manifest)


@pytest.mark.parametrize("content", [b"text", b"text\n\n"])
def test_another_length_breaks_it(tmp_path: Path, content: bytes) -> None:
    manifest = promised(tmp_path)
    (tmp_path / "deep" / "b.txt").write_bytes(content)
    with refused(ManifestError, tmp_path / "deep" / "b.txt", f"expected 5 bytes, found {len(content)}"):
        verify_files(tmp_path, manifest)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 255), bit=st.integers(0, 7))
def test_one_flipped_bit_breaks_it(tmp_path: Path, place: int, bit: int) -> None:
    manifest = promised(tmp_path)
    damaged = bytearray(CONTENT["a.bin"])
    damaged[place] ^= 1 << bit
    (tmp_path / "a.bin").write_bytes(damaged)
    with refused(ManifestError, tmp_path / "a.bin", "found others"):
        verify_files(tmp_path, manifest)


def test_only_the_files_asked_for_are_read(tmp_path: Path) -> None:
    manifest = promised(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"")
    verify_files(tmp_path, manifest, only=["deep/b.txt", "empty"])
    with refused(ManifestError, tmp_path / "a.bin"):
        verify_files(tmp_path, manifest, only=["a.bin"])


def test_a_folder_without_a_manifest_was_not_published(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / MANIFEST_NAME, "found none"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../../ledger.sqlite", "a way out of the folder"),
        ("/etc/passwd", "from the root of a disk"),
        ("", "an empty name"),
        ("a\\b", "a backslash"),
        ("A.BIN", "'a.bin' and 'A.BIN'"),
    ],
)
def test_a_manifest_names_files_of_its_folder_alone(tmp_path: Path, name: str, fault: str) -> None:
    manifest = promised(tmp_path)
    content = json.loads((tmp_path / MANIFEST_NAME).read_text())
    content["outputs"][name] = {"sha256": manifest.outputs["a.bin"].sha256, "n_bytes": 256}
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(content))
    with refused(DocumentError, f"{tmp_path / MANIFEST_NAME}: outputs: expected names", fault, "Restore the file."):
        read_manifest(tmp_path)


def test_files_that_cannot_stand_in_a_manifest_are_named_before_one_is_written(tmp_path: Path) -> None:
    (tmp_path / "a\\b").write_bytes(b"1")
    with refused(ManifestError, tmp_path, "a backslash", "Rename it."):
        describe_files(tmp_path)
    (tmp_path / "a\\b").unlink()
    for name in ("\u00e4", "a\u0308"):  # two files here, one on a disk of Apple's
        (tmp_path / name).write_bytes(b"1")
    with refused(ManifestError, tmp_path, "differ on every disk", "Rename one of them."):
        describe_files(tmp_path)


@pytest.mark.parametrize("link", ["a.bin", "deep"])
def test_a_published_file_is_no_link_out_of_its_study(tmp_path: Path, link: str) -> None:
    folder = tmp_path / "study" / "day-00" / "plan"
    folder.mkdir(parents=True)
    manifest = promised(folder)
    elsewhere = (folder / link).rename(tmp_path / "elsewhere")
    (folder / link).symlink_to(elsewhere)
    with refused(ManifestError, folder / link, "found a link to", str(elsewhere), "Put the file itself there."):
        verify_files(folder, manifest)


def test_links_within_a_study_and_links_to_a_folder_and_to_what_people_bring_are_followed(tmp_path: Path) -> None:
    study, disk = tmp_path / "study", tmp_path / "disk"
    (study / "day-00").mkdir(parents=True)
    disk.mkdir()
    (study / "study.json").write_text("{}")
    for stage in ("plan", "recording"):
        (disk / stage).mkdir()
        manifest = promised(disk / stage)
        (study / "day-00" / stage).symlink_to(disk / stage)  # the folder is on another disk
        verify_files(study / "day-00" / stage, manifest)
    recording = study / "day-01" / "recording"
    recording.mkdir(parents=True)
    brought = promised(recording)
    (recording / "a.bin").rename(disk / "a.bin")
    (recording / "a.bin").symlink_to(disk / "a.bin")
    verify_files(recording, brought)
    plan = study / "day-01" / "plan"
    plan.mkdir()
    own = promised(plan)
    (plan / "a.bin").rename(study / ".annexed")
    (plan / "a.bin").symlink_to(study / ".annexed")
    verify_files(plan, own)


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("day-00/ingest", "or move day-00/ingest aside to have the stage run again"),
        ("day-00/recording", "it cannot be made again"),
        ("imported", "or import the responses again as long as no session was shown"),
    ],
)
def test_the_way_back_is_one_that_there_is(folder: str, said: str) -> None:
    assert said in way_back(Path(folder), simulated=False)
