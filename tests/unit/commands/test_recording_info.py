"""`closedloop recording info` of what is no recording: a configuration, a map, a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.errors import RecordingError
from tests.unit.blackrock.nev import nev_files
from tests.unit.blackrock.nsx.nsx_files import START, ramp, write
from tests.unit.commands.recording_runs import run
from tests.unit.messages import refused

XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<CCF Version="12">\n<ChanInfo/></CCF>\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("day.ccf", XML, "Central's configuration file (XML, version 12)"),
        ("renamed.bin", XML, "Central's configuration file (XML, version 12)"),
        ("old.ccf", b"cbCCF 3.9" + bytes(100), "Central's configuration file (binary, of Central to 3.9)"),
        ("empty.ccf", b"", "Central's configuration file:"),
        ("implant.cmp", b"a map\n0 0 A 1 elec1\n", "an array map"),
        ("day.sif", b"<sif/>", "Central's session information"),
    ],
)
def test_a_file_beside_a_recording_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    said = run("info", file)
    assert said.startswith(f"{file}: {words}")
    assert said.count("\n") == 1
    assert "holds no recording" in said
    assert json.loads(run("info", file, "--json"))["kind"] in ("ccf", "cmp", "sif")


def test_a_recording_is_one_whatever_its_name(tmp_path: Path) -> None:
    made = write(tmp_path / "day.ns6", [(0, ramp(10))])
    assert "NSx 2.3" in run("info", made.rename(tmp_path / "day.ccf"))


def test_another_file_is_refused_as_before(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("<p>hello</p>")
    with refused(RecordingError, tmp_path / "notes.txt", "expected a Blackrock file"):
        run("info", tmp_path / "notes.txt")
    with refused(RecordingError, tmp_path / "none.ccf", "readable file"):
        run("info", tmp_path / "none.ccf")


def test_a_folder_says_which_devices_and_parts_its_files_make(tmp_path: Path) -> None:
    for stem in ("nsp1-002", "nsp1-001", "nsp2-001"):
        write(tmp_path / f"{stem}.ns6", [(0, ramp(10))])
    for name in ("nsp1-001.ns2", "nsp1-002.ns2"):
        write(tmp_path / name, [(0, ramp(10))], rate_hz=1000.0)
    nev_files.write(tmp_path / "nsp1-001.nev", nev_files.batch([(5, 1)]))
    (tmp_path / "day.ccf").write_bytes(XML)
    (tmp_path / "notes.txt").write_text("a good day")
    (tmp_path / ".hidden").write_text("")
    said = json.loads(run("info", tmp_path, "--json"))
    parts = [[(part["stem"], part["nev"], part["nsx"]) for part in device["parts"]] for device in said["devices"]]
    first = ("nsp1-001", "nsp1-001.nev", ["nsp1-001.ns6", "nsp1-001.ns2"])
    second = ("nsp1-002", None, ["nsp1-002.ns6", "nsp1-002.ns2"])
    assert parts == [[first, second], [("nsp2-001", None, ["nsp2-001.ns6"])]]
    assert [other["file"] for other in said["others"]] == ["day.ccf", "notes.txt"]
    lines = run("info", tmp_path).splitlines()
    assert lines[0] == f"{tmp_path}: 2 devices, 3 parts"
    assert lines[1] == "  device 1: 2 parts, one after the other"
    assert lines[2].startswith("    nsp1-001: nsp1-001.nev (0.0 MB), nsp1-001.ns6")
    assert lines[3].endswith("no .nev, so no codes of its own")
    assert lines[-1] == "  notes.txt: not one of the recorder's files"


def test_a_folder_without_a_recording_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "day.ccf").write_bytes(XML)
    with refused(RecordingError, tmp_path, "found none among 1"):
        run("info", tmp_path)


def test_a_2_1_file_says_the_scale_of_the_nev_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "old.ns5"
    write_nsx(
        file, [NsxChannel(1, ""), NsxChannel(2, "")], rate_hz=30_000.0, specification="2.1",
        chunks=[(0, ramp(9, 2))], start=START,
    )  # fmt: skip
    assert "without a scale (the .nev has it)" in run("info", file)
    assert "scale_from" not in json.loads(run("info", file, "--json"))
    nev_files.write(
        tmp_path / "old.nev", nev_files.batch([(5, 1)]), specification="2.1",
        electrodes=[NevElectrode(1, ""), NevElectrode(2, "", nv_per_bit=152)],
    )  # fmt: skip
    said = run("info", file)
    assert "0.25 uV a bit" in said
    assert "0.152 uV a bit" in said
    assert "scale from old.nev: a file of specification 2.1 has none" in said
    facts = json.loads(run("info", file, "--json"))
    assert (facts["scale_from"], facts["channels"][1]["scale"], facts["channels"][1]["units"]) == (
        "old.nev",
        0.152,
        "uV",
    )
