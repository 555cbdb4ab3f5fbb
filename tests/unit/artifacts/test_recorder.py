"""A recorder's description: what it says is checked, and a study without one is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.recorder import RecorderDescription, read_recorder
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import StudyDocument
from closedloop.errors import DocumentError
from tests.unit.days import context
from tests.unit.messages import refused

OPEN_EPHYS = """
maker: neo
devices:
  - name: left
    format: OpenEphysBinary
    raw: {channels: ["CH*"]}
    codes: {lines: [1, 2, 3, 4, 5, 6, 7, 8], settle_ms: 1}
    photodiode: {stream: Rhythm, channel: ADC1}
"""


def described(folder: Path, text: str) -> Path:
    file = folder / "recorder.yaml"
    file.write_text(text)
    return file


def test_a_description_is_read_as_it_is_written(tmp_path: Path) -> None:
    (device,) = read_recorder(described(tmp_path, OPEN_EPHYS)).devices
    assert (device.name, device.format, device.files, device.codes.lines[-1]) == ("left", "OpenEphysBinary", ".", 8)
    assert device.raw is not None
    assert device.raw.channels == ("CH*",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("maker: neo", "maker: blackrock", "expected some of a neo recorder, none of Blackrock's"),
        ("lines: [1, 2,", "lines: [1, 1,", "expected each line once"),
        ("settle_ms: 1", "strobe: 3", "expected each line once"),
        ("settle_ms: 1", "events: TTL, stream: nidq", "expected events or a stream, found both"),
        ("lines: [1, 2, 3, 4, 5, 6, 7, 8], settle_ms: 1", "stream: nidq", "expected the lines that are bits"),
        ('raw: {channels: ["CH*"]}', "files: ../other", "expected raw voltage or spikes, found neither"),
        ("name: left", "files: ../other", "expected a pattern inside of the recording's folder"),
        ("name: left", "side: left", "expected a known key"),
        ("maker: neo", "maker: [", "expected YAML"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in OPEN_EPHYS
    file = described(tmp_path, OPEN_EPHYS.replace(old, new))
    with refused(DocumentError, file, words):
        read_recorder(file)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / "none.yaml", "expected a recorder's description"):
        read_recorder(tmp_path / "none.yaml")


def test_a_study_of_blackrocks_recorder_is_written_as_ever(tmp_path: Path) -> None:
    study = context(tmp_path, "ingest").study
    assert "recorder" not in study.model_dump_json()
    study.write(tmp_path / "study.json")
    assert StudyDocument.read(tmp_path / "study.json") == study


def test_another_recorder_makes_ingest_stale_and_nothing_else(tmp_path: Path) -> None:
    made = context(tmp_path, "ingest")
    other = made.study.model_copy(
        update={"recorder": RecorderDescription.model_validate({"maker": "neo", "devices": [DEVICE]})}
    )

    def hashes(study: StudyDocument) -> dict[str, str]:
        stages = ("plan", "synthesize", "schedule", "present", "recording", "ingest", "refit")
        return {
            stage: input_hash(stage, FIRST, study=study, protocol=made.protocol, sections=("sites",), inputs={})
            for stage in stages
        }

    before, after = hashes(made.study), hashes(other)
    assert [stage for stage in before if before[stage] != after[stage]] == ["ingest"]


DEVICE = {"raw": {}, "codes": {"lines": [1, 2, 3]}}
