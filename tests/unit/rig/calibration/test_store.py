"""What was measured goes into the operator's rig.yaml: his other lines stay byte for byte, or nothing is written."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from closedloop.artifacts.rig.calibrations import Calibrations, GazeFit, GazeMap
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.errors import RigError
from closedloop.plain_text.yaml_edit import UneditableYamlError, replace_section
from closedloop.plain_text.yaml_text import parse_yaml
from rig.calibration.store import kept_beside, store_calibration

TODAY = datetime.date(2026, 11, 28)
MAP = GazeMap(x_deg=(-12.25, 0.0125, 1e-5), y_deg=(9.5, -3e-7, -0.0131))
FIT = GazeFit(
    source="mouse", error_deg=0.21, worst_deg=0.4, n_points=9, is_validated=True, distance_cm=86.8, width_cm=52
)
MEASURED = {"gaze": TODAY, "gaze_map": MAP, "gaze_fit": FIT}

HEAD = """\
# Rig 2, room 114.\tAsk Bo before moving the chair
name: rig 2
subject_screen: {screen: 1, width_px: 1920, height_px: 1080, refresh_hz: 60, width_cm: 52, distance_cm: 86.8}
operator_screen:   {screen: 0}   # the small one
photodiode:
    corner: lower_left
    side_px: 40   # glued 3 March\t(tape!)
"""
TAIL = """\
codes: {transport: parallel, address: /dev/parport0}
gaze: {source: mouse}

# juice: 1:3 apple
reward: {device: none}
recorder: {kind: by_hand, folder: /data}
"""
BLOCK = (
    "calibrations:\n      gaze: 2026-03-02 # by Bo\n      # the next one was long ago\n      luminance: 2026-01-12\n"
)
FLOW = "calibrations: {gaze: 2026-03-02, luminance: 2026-01-12}  # short\n"
SPREAD = 'calibrations: {\n  gaze: 2026-03-02, # by Bo\n  "luminance": 2026-01-12\n}\n'
QUOTED = '"calibrations": &mine\n  gaze: "2026-03-02"\n  luminance: 2026-01-12\n'


def store(tmp_path: Path, text: str) -> bytes:
    path = tmp_path / "rig.yaml"
    path.write_bytes(text.encode())
    store_calibration(path, MEASURED)
    return path.read_bytes()


def read(tmp_path: Path) -> Calibrations:
    return read_rig(tmp_path / "rig.yaml")[0].calibrations


@pytest.mark.parametrize("block", [BLOCK, FLOW, SPREAD, QUOTED])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_other_byte_of_the_file_stays(tmp_path: Path, block: str, line_end: str, mark: str) -> None:
    after = "\n# the last line is the operator's too\n"
    head, old, tail = (part.replace("\n", line_end) for part in (HEAD, block, after + TAIL))
    content = store(tmp_path, mark + head + old + tail).decode()
    assert content.startswith(mark + head + "calibrations:")
    assert content.endswith(tail)
    assert set(content[len(mark + head) : -len(tail)].split(line_end)[1:-1]).isdisjoint({""})
    assert line_end == "\n" or "\n" not in content.replace("\r\n", "")
    assert read(tmp_path) == Calibrations(luminance=datetime.date(2026, 1, 12), **MEASURED)
    assert kept_beside(tmp_path / "rig.yaml").read_bytes().decode() == mark + head + old + tail


@pytest.mark.parametrize("end", ["", "\n", "  # no line end", "\n\n# the end\n"])
def test_a_block_that_is_missing_is_added(tmp_path: Path, end: str) -> None:
    text = (HEAD + TAIL).removesuffix("\n") + end
    content = store(tmp_path, text).decode()
    stays, _, rest = content.partition("calibrations:")
    lines_after = end.partition("\n")[2]
    assert stays.removesuffix("\n") == text.removesuffix(lines_after).removesuffix("\n")
    assert rest.endswith(lines_after)
    assert read(tmp_path) == Calibrations(**MEASURED)


def test_an_empty_block_is_filled(tmp_path: Path) -> None:
    content = store(tmp_path, HEAD + "calibrations: {} # none yet\n\n" + TAIL).decode()
    assert content.startswith(HEAD + "calibrations:")
    assert content.endswith("\n\n" + TAIL)
    assert read(tmp_path) == Calibrations(**MEASURED)


def test_a_file_whose_keys_are_indented_is_edited(tmp_path: Path) -> None:
    indented = "".join(f"   {line}" for line in (HEAD + FLOW + TAIL).splitlines(keepends=True))
    content = store(tmp_path, indented).decode()
    assert "\n   calibrations:" in content
    assert read(tmp_path).gaze_map == MAP


@pytest.mark.parametrize("calibrations", ['"calibrations": {"gaze": "2026-03-02"}, ', ""])
def test_a_file_in_braces_is_edited(tmp_path: Path, calibrations: str) -> None:
    braces = (
        '{"name": "rig 2", "subject_screen": {"screen": 1, "width_px": 1920, "height_px": 1080, "refresh_hz": 60,'
        '"width_cm": 52, "distance_cm": 86.8}, "photodiode": null, "gaze": {"source": "mouse"}, '
        f'"reward": {{"device": "none"}}, {calibrations}"codes": {{"transport": "none"}}, '
        '"recorder": {"kind": "none"}}'
    )
    content = store(tmp_path, braces).decode()
    assert content.startswith(braces[:100])
    assert read(tmp_path) == Calibrations(**MEASURED)


def test_what_rig_init_writes_keeps_its_form(tmp_path: Path) -> None:
    wanted = EXAMPLE.calibrations.model_copy(update=MEASURED)
    content = store(tmp_path, rig_yaml(EXAMPLE)).decode()
    assert content == rig_yaml(EXAMPLE.model_copy(update={"calibrations": wanted}))
    assert RigDocument.model_validate(parse_yaml(content.encode(), place="rig.yaml")).calibrations == wanted


def test_the_other_calibrations_stay(tmp_path: Path) -> None:
    store(tmp_path, HEAD + BLOCK + TAIL)
    store_calibration(tmp_path / "rig.yaml", {"reward": TODAY})
    assert read(tmp_path) == Calibrations(reward=TODAY, luminance=datetime.date(2026, 1, 12), **MEASURED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("earlier: &old {gaze: 2026-03-02}\ncalibrations: *old\n", "the name of another part of the file"),
        ("a: [", "no YAML"),
        ("- a\n", "no keys with values"),
    ],
)
def test_a_section_that_is_none_is_not_edited(text: str, found: str) -> None:
    with pytest.raises(UneditableYamlError, match=found):
        replace_section(text.encode(), "calibrations", lines=["calibrations:"], braces="{}")


def test_values_that_the_rest_of_the_file_takes_from_the_block_are_not_lost(tmp_path: Path) -> None:
    text = HEAD + "calibrations: &dates {gaze: 2026-03-02}\n" + TAIL.replace("{device: none}", "{<<: *dates}")
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    with pytest.raises(RigError) as caught:
        store_calibration(path, MEASURED)
    assert "-12.25" in str(caught.value)
    assert path.read_text() == text


@pytest.mark.parametrize("case", ["gone", "only to be read", "a folder", "no rig"])
def test_what_was_measured_is_said_where_it_cannot_be_kept(tmp_path: Path, case: str) -> None:
    path = tmp_path / "rig.yaml"
    if case == "a folder":
        path.mkdir()
    elif case != "gone":
        path.write_text(HEAD + (TAIL if case != "no rig" else ""))
        path.chmod(0o444 if case == "only to be read" else 0o644)
    with pytest.raises(RigError) as caught:
        store_calibration(path, MEASURED)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    _, _, by_hand = said.partition("write into its calibrations: ")
    assert parse_yaml(f"calibrations: {by_hand}".encode(), place="by hand")["calibrations"] == {
        "gaze": "2026-11-28",
        "gaze_map": MAP.model_dump(mode="json"),
        "gaze_fit": FIT.model_dump(mode="json", exclude_none=True),
    }
    assert case == "a folder" or not path.exists() or path.read_text().startswith(HEAD)


def test_permissions_and_a_link_to_the_file_stay(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    real, link = tmp_path / "shared" / "rig-2.yaml", tmp_path / "rig.yaml"
    real.write_text(HEAD + TAIL)
    real.chmod(0o664)
    link.symlink_to(real)
    store_calibration(link, MEASURED)
    assert link.is_symlink()
    assert read_rig(real)[0].calibrations.gaze == TODAY
    assert real.stat().st_mode & 0o777 == 0o664


def test_a_calibration_that_there_is_not_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected calibrations, found gaz"):
        store_calibration(tmp_path / "rig.yaml", {"gaz": TODAY})


@pytest.mark.parametrize("_again", range(5))
def test_what_several_calibrations_store_at_once_is_all_there(tmp_path: Path, _again: int) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(HEAD + TAIL)
    changes = [{name: TODAY} for name in ("gaze", "luminance", "reward", "photodiode")]
    begin = threading.Barrier(len(changes))

    def store_one(change: dict[str, datetime.date]) -> None:
        begin.wait()
        store_calibration(path, change)

    with ThreadPoolExecutor(len(changes)) as pool:
        list(pool.map(store_one, changes))
    found = read(tmp_path)
    assert [getattr(found, name) for change in changes for name in change] == [TODAY] * len(changes)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["rig.yaml", "rig.yaml.before"]
