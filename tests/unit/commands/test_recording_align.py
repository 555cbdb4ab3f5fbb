"""`closedloop recording align`: a made session with faults, its files, and the truth beside them."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.artifacts.commands.recording_tables import ALIGNED_CODES
from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.tables import read_table
from closedloop.cli import app
from closedloop.errors import AlignmentError, DocumentError, RecordingError, SessionError
from closedloop.simulation.sessions import TRUTH, MadeSession, make_session

pytestmark = pytest.mark.slow  # whole sessions: in `make test`, not in `make check`

LIMIT_MS = 0.5


def made(folder: Path, wanted: MadeSession) -> Path:
    make_session(folder, wanted, progress=lambda _done, _total: None)
    return folder


def recordings(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.nev"), *folder.glob("*.ns?")])


def align(folder: Path, *options: object) -> str:
    words = ["recording", "align", folder / "journal.jsonl", *recordings(folder), *options]
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faults = ("clock_drift", "lost_codes", "doubled_codes", "code_wrap", "pause")
    wanted = MadeSession(seconds=40.0, n_channels=2, n_processors=2, faults=faults, seed=3)
    return made(tmp_path_factory.mktemp("session") / "s", wanted)


def test_files_of_two_processors_give_right_onsets_a_page_and_a_table(session: Path, tmp_path: Path) -> None:
    report, out = tmp_path / "align.html", tmp_path / "onsets.parquet"
    first, *lines = align(session, "--report", report, "--out", out).splitlines()
    assert first.startswith("array1: 120 of 120 presentations timed (")
    assert any("(the recorder was not recording)" in line for line in lines)
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    onsets, truth = read_table(out, ALIGNED_CODES), read_table(session / "truth.parquet", TRUTH)
    for processor, device in ((1, "array1"), (2, "array2")):
        of_truth = (truth["event"] == "onset") & (truth["processor"] == processor)
        own = (onsets["device"] == device) & (onsets["ordinal"] >= 0)
        np.testing.assert_array_equal(onsets["ordinal"][own], truth["ordinal"][of_truth])
        recorded = truth["epoch"][of_truth] >= 0
        np.testing.assert_array_equal(onsets["epoch"][own][recorded], truth["epoch"][of_truth][recorded])
        error_ms = (onsets["onset_tick"][own] - truth["tick"][of_truth])[recorded] / 30
        assert np.abs(error_ms).max() <= LIMIT_MS
        np.testing.assert_array_equal(np.isnan(onsets["onset_tick"][own]), ~recorded)
        assert all(bool(reason) != known for reason, known in zip(onsets["reason"][own], recorded, strict=True))


def test_machines_get_the_whole_quality_of_every_device(session: Path, tmp_path: Path) -> None:
    said = json.loads(align(session, "--report", tmp_path / "page.html", "--json"))["devices"]
    assert set(said) == {"array1", "array2"}
    for quality in said.values():
        assert quality["n_sent"] == 140 == quality["n_matched"] + quality["n_lost"] + quality["n_unplaced"]
        assert len(quality["set_aside"]) == 120 - sum(quality["n_by_source"].values())


def test_a_recording_of_another_session_is_one_line(session: Path, tmp_path: Path) -> None:
    other = made(tmp_path / "other", MadeSession(seconds=10.0, n_channels=1, faults=("code_wrap",), seed=9))
    shutil.copy(other / "journal.jsonl", tmp_path)
    for file in recordings(session):
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(AlignmentError, match="array1: expected at least 50% of the journal's 35 codes") as caught:
        align(tmp_path, "--report", tmp_path / "page.html")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "page.html").exists()


def test_a_journal_with_a_line_missing_is_one_line_with_its_number(session: Path, tmp_path: Path) -> None:
    lines = (session / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join([*lines[:20], *lines[21:]]))
    for file in recordings(session):
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(DocumentError, match=r"journal.jsonl, line 21: .* line 21 is missing"):
        align(tmp_path, "--report", tmp_path / "page.html")


def test_a_journal_that_disagrees_with_itself_is_one_line_with_its_number(session: Path, tmp_path: Path) -> None:
    rows = list(read_journal(session / "journal.jsonl").rows)
    rows[10] = rows[10].model_copy(update={"ordinal": 3})
    (tmp_path / "journal.jsonl").write_bytes(journal_bytes(rows))
    for file in recordings(session):
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(SessionError, match=r"journal.jsonl, line 11: expected ordinal 6, found 3"):
        align(tmp_path, "--report", tmp_path / "page.html")


def test_a_session_with_an_animal_says_what_speaks_against_it(session: Path, tmp_path: Path) -> None:
    rows = [
        row.model_copy(update={"simulated": False, "gaze": "mouse"}) if isinstance(row, LaunchOpened) else row
        for row in read_journal(session / "journal.jsonl").rows
    ]
    lines = [row.model_dump_json().encode() + b"\n" for row in rows]
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines))
    for file in recordings(session):
        (tmp_path / file.name).symlink_to(file)
    said = align(tmp_path, "--report", tmp_path / "page.html")
    assert "journal: no data of an animal: the mouse stood for the eye (mouse-gaze)" in said
    assert "journal: the journal's lines carry no checks" in said
    content = json.loads(align(tmp_path, "--report", tmp_path / "page.html", "--json"))["journal"]
    assert set(content["doubts"]) == {"headless-display", "virtual-clock", "mouse-gaze", "file-codes"}
    assert len(content["notes"]) == 1


def test_a_photodiode_without_a_label_is_named_by_its_number(tmp_path: Path) -> None:
    folder = made(tmp_path / "s", MadeSession(specification="2.1", seconds=20.0, n_channels=2))  # 2.1 has no labels
    unnamed = json.loads(align(folder, "--report", tmp_path / "a.html", "--json"))["devices"]["array1"]
    assert unnamed["n_by_source"]["photodiode"] == 0
    out = tmp_path / "onsets.parquet"
    named = align(folder, "--report", tmp_path / "b.html", "--out", out, "--photodiode", "10241")
    assert "60 of 60 presentations timed (60 by the photodiode" in named
    onsets, truth = read_table(out, ALIGNED_CODES), read_table(folder / "truth.parquet", TRUTH)
    own, of_truth = onsets["ordinal"] >= 0, truth["event"] == "onset"
    assert np.abs(onsets["onset_tick"][own] - truth["tick"][of_truth]).max() / 30 <= LIMIT_MS


def test_a_photodiode_that_no_file_has_is_an_error(session: Path, tmp_path: Path) -> None:
    words = ["recording", "align", session / "journal.jsonl", *recordings(session), "--report", tmp_path / "a.html"]
    result = CliRunner().invoke(app, [*map(str, words), "--photodiode", "ainp9"])
    assert isinstance(result.exception, RecordingError)
    assert str(result.exception).startswith("photodiode ainp9: expected a channel")


def test_a_recording_with_another_rate_in_its_headers_is_refused(tmp_path: Path) -> None:
    """25,000 ticks a second for 30,000: the clocks drift by a fifth, and every window would be a fifth too short."""
    made(tmp_path, MadeSession(seconds=20.0, n_channels=2))
    for file in recordings(tmp_path):
        content = bytearray(file.read_bytes())
        if file.suffix == ".nev":
            content[20:28] = struct.pack("<II", 25_000, 25_000)
        else:
            content[290:294] = struct.pack("<I", 25_000)
        file.write_bytes(content)
    with pytest.raises(
        AlignmentError, match=r"^array1: expected a clock within 1000 ppm of the rig's, found .*\+20\d{4}"
    ):
        align(tmp_path, "--report", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
