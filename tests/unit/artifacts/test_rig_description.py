"""rig.yaml: what a rig is, apart from any study; what cannot be is refused in one line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.errors import RigError
from closedloop.storage import sha256_bytes
from tests.unit.messages import refused

RIG = """
name: rig 2
subject_screen: {screen: 1, width_px: 1920, height_px: 1080, refresh_hz: 60, width_cm: 52, distance_cm: 86.8}
operator_screen: {screen: 0}
photodiode: {corner: lower_left, side_px: 40}
codes: {transport: parallel, address: /dev/parport0}
gaze: {source: mouse}
reward: {device: none}
recorder: {kind: by_hand, folder: /data}
calibrations: {gaze: 2026-11-27}
"""


def written(tmp_path: Path, text: str = RIG) -> Path:
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    return path


def test_a_rig_is_read_with_the_hash_of_its_file(tmp_path: Path) -> None:
    rig, sha256 = read_rig(written(tmp_path))
    assert (rig.name, rig.subject_screen.screen, rig.codes.address) == ("rig 2", 1, "/dev/parport0")
    assert rig.calibrations.gaze == datetime.date(2026, 11, 27)
    assert rig.calibrations.reward is None
    assert sha256 == sha256_bytes(RIG.encode())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{screen: 0}", "{screen: 1}", "operator_screen.screen: expected another screen than the animal's, found 1"),
        ("{transport: parallel, address: /dev/parport0}", "{transport: serial}", "codes: expected an address"),
        ("{transport: parallel, address", "{transport: none, address", "codes: expected no address for transport none"),
        ("distance_cm: 86.8", "distance_cm: 0.868", "subject_screen.distance_cm"),
        ("{transport: parallel, address: /dev/parport0}", "{transport: microcontroller}", "codes: expected an address"),
        (
            "{device: none}",
            "{device: microcontroller}",
            "reward: expected an address for a microcontroller, found none",
        ),
        (
            "{device: none}",
            "{device: microcontroller, address: /dev/parport0}",
            "codes.transport: expected microcontroller, as for reward at /dev/parport0, found parallel",
        ),
        (
            "{device: none}",
            "{device: digital_line, address: /dev/parport0, line: D3}",
            "reward.address: expected a parallel port of the valve's own, found /dev/parport0, which codes have",
        ),
        ("{device: none}", "{device: digital_line, line: D3}", "reward: expected an address for a digital_line, found"),
        (
            "{device: none}",
            "{device: digital_line, address: /dev/parport1}",
            "line: expected D0 to D7 for digital_line, found none",
        ),
        (
            "{device: none}",
            "{device: digital_line, address: /dev/parport1, line: D8}",
            "line: expected D0 to D7 for digital_line, found D8",
        ),
        (
            "{device: none}",
            "{device: labjack, address: ANY, line: AIN0}",
            "line: expected a line such as FIO4 for labjack, found AIN0",
        ),
        (
            "{device: none}",
            "{device: nidaqmx, address: Dev1/ctr0, line: D3}",
            "line: expected null for nidaqmx, found D3",
        ),
        (
            "{transport: parallel, address: /dev/parport0}",
            "{transport: parallel, address: /dev/parport0, framing: checked}",
            "framing: expected raw for transport parallel, found checked",
        ),
        ("mouse", "eyelinc", "gaze.source"),
        ("source: mouse", "source: lsl, address: eye, channels: [gx, GX]", "gaze.channels: expected labels of two"),
        ("source: mouse", "source: lsl, address: eye, channels: [gx, '']", "gaze.channels: expected labels of two"),
        ("folder: /data", "file: '{launch}-{part}/today'", "recorder.file: expected {launch} and {part} in the name"),
        ("folder: /data", "file: 'D:/{launch}-{part}/'", "recorder.file: expected {launch} and {part} in the name"),
        ("folder: /data", "file: 'day*{launch}-{part}'", "recorder.file: expected {launch} and {part} in the name"),
        ("folder: /data", 'file: "{launch}\\n{part}"', "recorder.file: expected {launch} and {part} in the name"),
        ("name: rig 2", "nam: rig 2", "nam"),
    ],
)
def test_what_no_rig_is_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in RIG
    path = written(tmp_path, RIG.replace(old, new))
    with refused(RigError, path, said):
        read_rig(path)


VALVE = "ml_per_ms: 1.0e-3, ml_at_zero: 0, ml_per_ms_error: 0, ml_at_zero_error: 0"


@pytest.mark.parametrize(
    ("of_codes", "of_valve"),
    [("/dev/parport0", "/dev/./parport0"), ("0x378", "0x0378"), ("0x378", "888"), ("LPT1", "lpt1")],
)
def test_an_address_written_in_another_way_is_the_same_one(tmp_path: Path, of_codes: str, of_valve: str) -> None:
    text = RIG.replace("/dev/parport0", f"'{of_codes}'")
    valve = f"{{device: digital_line, address: '{of_valve}', line: D3}}"
    path = written(tmp_path, text.replace("{device: none}", valve))
    with refused(RigError, path, "reward.address: expected a parallel port of the valve's own"):
        read_rig(path)


def test_a_link_to_the_port_of_codes_is_that_port(tmp_path: Path) -> None:
    (tmp_path / "valve").symlink_to(tmp_path / "codes")
    text = RIG.replace("parallel, address: /dev/parport0", f"serial, address: {tmp_path / 'codes'}")
    path = written(
        tmp_path, text.replace("{device: none}", f"{{device: microcontroller, address: {tmp_path / 'valve'}}}")
    )
    with refused(RigError, path, "codes.transport: expected microcontroller, as for reward at"):
        read_rig(path)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ("gaze_map: {x_deg: [0, 0, 0], y_deg: [0, 0, 0]}", "calibrations.gaze_map: expected slopes by which each"),
        ("gaze_map: {x_deg: [1, 2, 3], y_deg: [5, 4, 6]}", "wherever the eye looked, it would be at one place"),
        ("gaze_map: {x_deg: [1, 1.0e308, 0], y_deg: [5, 1.0e308, 6]}", "calibrations.gaze_map: expected slopes"),
        (f"valve: {{{VALVE}, shortest_ms: 50, longest_ms: 20}}", "valve.longest_ms: expected 50 (shortest_ms) at"),
        (
            "gamma: {gamma: 2.2, darkest_cd_m2: 90, brightest_cd_m2: 9, worst_error: 0, n_levels: 9}",
            "gamma.brightest_cd_m2: expected more than 90 (darkest_cd_m2), found 9",
        ),
    ],
)
def test_what_nobody_can_have_measured_is_one_line(tmp_path: Path, measured: str, said: str) -> None:
    path = written(tmp_path, RIG.replace("{gaze: 2026-11-27}", f"{{gaze: 2026-11-27, {measured}}}"))
    with refused(RigError, path, said):
        read_rig(path)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with refused(RigError, tmp_path / "rig.yaml", "`rig init` writes one"):
        read_rig(tmp_path / "rig.yaml")


@pytest.mark.parametrize(
    ("gaze", "said"),
    [
        ("{source: eyelink}", "gaze: expected an address for eyelink, found none"),
        ("{source: lsl}", "gaze: expected an address for lsl, found none"),
        ("{source: mouse, eye: left}", "eye: expected none for mouse, found 'left'"),
        ("{source: eyelink, address: a, channels: [x, y]}", "channels: expected none for eyelink"),
        ("{source: eyelink, address: a, reach: network}", "reach: expected loopback for eyelink, found network"),
        ("{source: eyelink, address: a, unit: deg}", "unit: expected px or href for eyelink, found deg"),
        ("{source: lsl, address: a, unit: href}", "unit: expected px, deg or normalized for lsl, found href"),
    ],
)
def test_what_no_tracker_is_is_one_line(tmp_path: Path, gaze: str, said: str) -> None:
    path = written(tmp_path, RIG.replace("{source: mouse}", gaze))
    with refused(RigError, path, said):
        read_rig(path)


@pytest.mark.parametrize(
    "gaze",
    [
        {"source": "eyelink", "address": "100.1.1.1", "eye": "right", "unit": "href"},
        {"source": "lsl", "address": "type=Gaze", "channels": ["left gaze x", "yes"], "reach": "network"},
        {"source": "lsl", "address": "a: b", "unit": "normalized"},
    ],
)
def test_a_tracker_reads_back_as_it_was_written(tmp_path: Path, gaze: dict[str, object]) -> None:
    rig = RigDocument.model_validate(EXAMPLE.model_dump(mode="json") | {"gaze": gaze})
    assert read_rig(written(tmp_path, rig_yaml(rig)))[0] == rig
