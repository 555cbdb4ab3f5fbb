"""The manifest's promise: these files, these bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.artifacts.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    describe_files,
    read_manifest,
    relative_files,
    verify_files,
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
