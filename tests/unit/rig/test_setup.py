"""Describing a rig: what is found, what is asked, and a file that reads back as what was answered."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.errors import OptionError, RigError
from closedloop.plain_text.installing import install_command
from rig.display.screens import FoundScreen, Rectangle
from rig.ports.found import FoundPort, parallel_ports
from rig.setup.found import FoundDevice, listed, of_screens, of_serial, recorders_library
from rig.setup.questions import QUESTIONS, ask_all, write_rig

SCREENS = (
    FoundScreen(0, ("DVI-0",), Rectangle(0, 0, 800, 600), 60.0, 1.0, 30.0),
    FoundScreen(1, ("HDMI-1",), Rectangle(800, 0, 1920, 1080), 59.9498, 1.0, 52.0),
)
DEVICES = [*of_screens(SCREENS), FoundDevice("serial", "/dev/ttyUSB0", "a converter")]
BY_HAND = {
    "--screen": "1",
    "--width-cm": "52",
    "--distance-cm": "86.8",
    "--photodiode": "lower_left 40",
    "--codes": "serial /dev/ttyUSB0",
    "--gaze": "none",  # passive viewing: nobody shows images to an eye that nobody looks at without saying so
}


def answered(devices=DEVICES, **options):
    given = BY_HAND | {f"--{name.replace('_', '-')}": answer for name, answer in options.items()}
    return ask_all(given, name="box", devices=devices, ask=None, say=lambda _line: None)


def refuse_to_say(line):
    raise AssertionError(line)


# The file


def awkward(**changes):
    return EXAMPLE.model_copy(update=changes)


@pytest.mark.parametrize(
    "rig",
    [
        EXAMPLE,
        awkward(name='rig: 2 "b" # no'),
        awkward(name="no"),
        awkward(name="1e3"),
        awkward(name="ünïcode \\ {x}"),
        awkward(operator_screen=None, photodiode=None),
        awkward(
            subject_screen=EXAMPLE.subject_screen.model_copy(update={"width_cm": 52.123456789, "refresh_hz": 59.94})
        ),
        awkward(recorder=EXAMPLE.recorder.model_copy(update={"folder": Path("C:\\record ings")})),
    ],
)
def test_what_is_written_reads_back_the_same_with_its_comments(tmp_path, rig):
    path = tmp_path / "rig.yaml"
    write_rig(rig, path)
    assert read_rig(path)[0] == rig
    assert path.read_text().count("#") > 15


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text("mine")
    with pytest.raises(RigError, match="expected no file yet, found one"):
        write_rig(EXAMPLE, path)
    assert path.read_text() == "mine"
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RigError, match="expected no file yet"):
        write_rig(EXAMPLE, tmp_path / "link.yaml")


def test_every_key_of_the_example_is_in_the_file_with_words():
    text = rig_yaml(EXAMPLE)
    for section in RigDocument.model_fields:
        assert f"\n{section}:" in text or section in ("format_version",), section


# The questions


def test_what_the_system_says_of_the_animals_screen_is_taken_but_for_what_a_ruler_tells():
    rig = answered()
    screen = rig.subject_screen
    assert (screen.screen, screen.width_px, screen.height_px, screen.refresh_hz) == (1, 1920, 1080, 59.95)
    assert (screen.width_cm, screen.distance_cm) == (52.0, 86.8)  # never what the screen says of itself
    assert rig.operator_screen is not None
    assert rig.operator_screen.screen == 0
    assert (rig.codes.transport, rig.codes.address) == ("serial", "/dev/ttyUSB0")
    assert (rig.name, rig.gaze.source, rig.recorder.kind) == ("box", "none", "by_hand")
    assert rig.calibrations.gaze is None


def test_the_first_screen_can_be_the_animals():
    rig = answered(screen="0")
    assert (rig.subject_screen.screen, rig.subject_screen.width_px) == (0, 800)
    assert rig.operator_screen is not None
    assert rig.operator_screen.screen == 1
    assert answered(operator_screen="none").operator_screen is None


def test_an_option_answers_its_question():
    rig = answered(codes="parallel 0x378", photodiode="none", gaze_calibrated="2026-03-02", luminance_measured="today")
    assert (rig.codes.transport, rig.codes.address, rig.photodiode) == ("parallel", "0x378", None)
    assert rig.calibrations.gaze == datetime.date(2026, 3, 2)
    assert rig.calibrations.luminance == datetime.date.today()


@pytest.mark.parametrize(
    ("answer", "address"),
    [("eyelink", "100.1.1.1"), ("eyelink 10.0.0.7", "10.0.0.7"), ("lsl type=Gaze", "type=Gaze"), ("mouse", None)],
)
def test_a_tracker_is_described_with_its_address(answer, address):
    rig = answered(gaze=answer)
    assert (rig.gaze.source, rig.gaze.address, rig.gaze.reach) == (answer.split()[0], address, "loopback")


def test_a_recorder_of_blackrocks_is_named_with_its_device():
    assert (answered().recorder.kind, answered().recorder.device) == ("by_hand", None)
    rig = answered(recorder="blackrock HUB1", recorder_folder="/recordings")
    assert (rig.recorder.kind, rig.recorder.device, rig.recorder.folder) == ("blackrock", "HUB1", Path("/recordings"))
    with pytest.raises(RigError, match=r"--recorder: recorder: expected a device for recorder blackrock, found none"):
        answered(recorder="blackrock")


@pytest.mark.parametrize(("libc", "is_old"), [(("glibc", "2.36"), True), (("glibc", "2.39"), False), (("", ""), False)])
def test_blackrocks_library_is_listed_with_what_it_needs(libc, is_old):
    found = recorders_library(is_installed=True, libc=libc)
    assert found.write == "recorder: {kind: blackrock, device: NSP}  # or HUB1, HUB2, HUB3, LEGACY_NSP"
    assert bool(found.trouble) == is_old
    assert install_command("blackrock") in recorders_library(is_installed=False, libc=libc).says


def test_one_microcontroller_can_have_valve_and_codes():
    rig = answered(codes="microcontroller /dev/ttyACM0", reward="microcontroller /dev/ttyACM0")
    assert (rig.codes.transport, rig.codes.address) == ("microcontroller", "/dev/ttyACM0")
    assert (rig.reward.device, rig.reward.address) == ("microcontroller", "/dev/ttyACM0")
    assert answered().reward.device == "none"  # nobody has a valve without saying so
    with pytest.raises(RigError, match=r"--reward: .*codes.transport: expected microcontroller, as for reward"):
        answered(reward="microcontroller /dev/ttyUSB0")  # codes go there byte by byte


def test_an_only_screen_is_proposed_and_of_several_none():
    alone = list(of_screens(SCREENS[:1]))
    given = {name: answer for name, answer in BY_HAND.items() if name != "--screen"}
    rig = ask_all(given, name="box", devices=alone, ask=None, say=refuse_to_say)
    assert (rig.subject_screen.screen, rig.operator_screen) == (0, None)


@pytest.mark.parametrize("option", BY_HAND)
def test_what_only_a_person_knows_has_to_be_answered(option):
    given = {name: answer for name, answer in BY_HAND.items() if name != option}
    with pytest.raises(OptionError, match=f"{option}: expected an answer"):
        ask_all(given, name="box", devices=DEVICES, ask=None, say=refuse_to_say)


def test_all_that_only_a_person_knows_is_asked_for_at_once():
    with pytest.raises(OptionError) as refused:
        ask_all({}, name="box", devices=DEVICES, ask=None, say=refuse_to_say)
    options = "--screen, --width-cm, --distance-cm, --photodiode, --codes, --gaze"
    assert str(refused.value).startswith(f"{options}: expected an answer")


def test_a_screen_that_is_not_there_is_asked_for_again():
    answers, said = iter(["7", "1"]), []
    given = {name: answer for name, answer in BY_HAND.items() if name != "--screen"}

    def ask(question, proposed):
        return next(answers) if "in front of the animal" in question else proposed

    rig = ask_all(given, name="box", devices=DEVICES, ask=ask, say=said.append)
    assert rig.subject_screen.screen == 1
    assert said == ["--screen: expected a screen of this computer (0, 1), found '7'. Correct it."]


def test_a_question_has_room_in_a_line_of_a_terminal():
    assert [question.asks for question in QUESTIONS if len(f"{question.asks} [none]: ") > 80] == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"distance_cm": "0.868"}, "--distance-cm: subject_screen.distance_cm: expected more than 1"),
        ({"width_px": "wide"}, "--width-px: subject_screen.width_px"),
        ({"codes": "serial"}, "--codes: codes: expected an address for transport serial, found none"),
        ({"codes": "none 0x378"}, "--codes: codes: expected no address for transport none, found '0x378'"),
        ({"gaze": "eyelinc"}, "--gaze: gaze.source"),
        ({"gaze": "lsl"}, "--gaze: gaze: expected an address for lsl, found none"),
        ({"gaze_calibrated": "yesterday"}, "expected a date such as 2026-03-02, found 'yesterday'. Correct it"),
        ({"luminance_measured": "2026-13-40"}, "expected a date such as 2026-03-02, found '2026-13-40'. Correct it"),
        ({"screen": "1", "operator_screen": "1"}, "--operator-screen: operator_screen.screen: expected another screen"),
    ],
)
def test_an_answer_that_no_rig_can_have_names_its_option(answer, said):
    with pytest.raises(RigError, match=said):
        answered(**answer)


def test_who_is_asked_is_asked_again_until_the_answer_can_be():
    answers = {"its frames per second": ["fast", "60"], "lit picture": ["52"]}
    by_hand = {"Corner": "lower_left 40", "from": "86.8", "Codes": "none", "Number": "1", "Gaze": "none"}
    asked, said = [], []

    def ask(question, proposed):
        asked.append(question)
        for words, given in answers.items():
            if words in question and given:
                return given.pop(0)
        return proposed if proposed is not None else by_hand[question.strip().split()[0]]

    rig = ask_all({}, name="box", devices=DEVICES, ask=ask, say=said.append)
    assert rig.subject_screen.refresh_hz == 60.0
    assert len(asked) == len(QUESTIONS) + 1
    assert len(said) == 1
    assert "refresh_hz" in said[0]


# What is found


def test_each_screen_says_what_to_write_and_what_is_wrong_with_it():
    shared = FoundScreen(1, ("HDMI-1",), Rectangle(0, 0, 800, 600), None, 2.0, None)
    found = list(of_screens((SCREENS[0], shared)))
    assert found[0].write == "subject_screen: {screen: 0, width_px: 800, height_px: 600, refresh_hz: 60}"
    assert [one.trouble for one in found[:2]] == [
        "shows the same part of the desktop as HDMI-1: put them side by side",
        "shows the same part of the desktop as DVI-0: put them side by side",
    ]
    assert found[2].kind == "mouse"
    scaled = FoundScreen(1, ("HDMI-1",), Rectangle(800, 0, 800, 600), None, 2.0, None)
    assert [one.trouble for one in of_screens((SCREENS[0], scaled))][1].startswith("2 of its pixels")
    cloned = FoundScreen(0, ("A", "B"), Rectangle(0, 0, 8, 8), None, 1.0, None)
    assert "same picture goes to A and B" in next(iter(of_screens((cloned,)))).trouble


def test_a_parallel_port_that_the_printer_driver_holds_is_said(tmp_path):
    (tmp_path / "parport0").touch()
    (tmp_path / "parport1").touch()
    modules = tmp_path / "modules"
    modules.write_text("parport_pc 49152 0 - Live\nlpfc 2 0 - Live\n")
    assert [(port.address, port.trouble) for port in parallel_ports(tmp_path, modules)] == [
        (str(tmp_path / "parport0"), ""),
        (str(tmp_path / "parport1"), ""),
    ]
    modules.write_text("lp 20480 0 - Live\n")
    assert all("rmmod lp" in port.trouble for port in parallel_ports(tmp_path, modules))
    assert parallel_ports(tmp_path / "nowhere", modules) == []


def test_a_serial_port_says_how_codes_and_a_valve_hang_on_it():
    (port,) = of_serial([FoundPort("/dev/ttyACM0", "Arduino Mega 2560", "no permission: ask")])
    assert (port.kind, port.name, port.says, port.trouble) == (
        *("serial", "/dev/ttyACM0", "Arduino Mega 2560", "no permission: ask"),
    )
    assert "codes: {transport: serial, address: /dev/ttyACM0}" in port.write
    assert "codes: {transport: microcontroller, address: /dev/ttyACM0}" in port.write
    assert "reward: {device: microcontroller, address: /dev/ttyACM0}" in port.write


def test_the_list_for_a_person_has_what_to_write_below_each():
    lines = list(listed([FoundDevice("serial", "/dev/ttyS0", "n", "codes: {x}", "no permission")]))
    assert lines == [
        "serial    /dev/ttyS0  n",
        "                      but no permission",
        "                      codes: {x}",
    ]
