"""rig.yaml as `rig init` writes it: each key with what it means, in words of the laboratory, to be changed by hand."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from closedloop.artifacts.documents import Section
from closedloop.artifacts.rig.calibrations import Calibrations
from closedloop.artifacts.rig.description import Corner, OperatorScreen, PhotodiodePatch, RigDocument, SubjectScreen
from closedloop.artifacts.rig.ports import (
    TRACKERS,
    BlackrockDevice,
    CodesPort,
    GazePort,
    GazeSource,
    RecorderKind,
    RecorderPort,
    RewardDevice,
    RewardPort,
    RigCodeTransport,
)
from closedloop.plain_text.printed import number_text

EXAMPLE = RigDocument(
    name="rig 1",
    subject_screen=SubjectScreen(
        screen=1, width_px=1920, height_px=1080, refresh_hz=60, width_cm=52.0, distance_cm=86.8
    ),
    operator_screen=OperatorScreen(screen=0),
    photodiode=PhotodiodePatch(corner="lower_left", side_px=40),
    codes=CodesPort(transport="parallel", address="/dev/parport0"),
    gaze=GazePort(source="mouse"),
    reward=RewardPort(device="none"),
    recorder=RecorderPort(kind="by_hand", folder=Path("/recordings")),
    calibrations=Calibrations(gaze=datetime.date(2026, 3, 2), reward=None, luminance=datetime.date(2026, 1, 12)),
)
"""A laboratory's: 224-pixel images at two screen pixels an image pixel are 8 degrees wide from 86.8 cm."""

_OPENING = """\
# The description of one rig: `rig check SESSION --rig FILE` compares it with what stands here, and
# `rig present SESSION --rig FILE` shows sessions by it. It outlives studies. Measure again, and change it here,
# whenever the screen or the chair is moved. `rig devices` lists what this computer has.
"""


def rig_yaml(rig: RigDocument) -> str:
    """Return a rig's description as YAML with comments; it reads back as the same document."""
    return _OPENING + "".join(line + "\n" for line in _lines(rig))


def _lines(rig: RigDocument) -> Iterator[str]:
    screen, calibrations = rig.subject_screen, rig.calibrations
    yield f"format_version: {rig.format_version}"
    yield f"kind: {rig.kind}"
    yield _line("name", rig.name, "as the journal and the pages call this rig")
    yield ""
    yield "subject_screen:  # the screen in front of the animal"
    yield _line("  screen", screen.screen, "its number, from 0")
    yield _line("  width_px", screen.width_px, "of its mode; nothing may be scaled")
    yield _line("  height_px", screen.height_px)
    yield _line("  refresh_hz", screen.refresh_hz, "frames per second of its mode")
    yield _line(
        "  width_cm", screen.width_cm, "of the lit picture, by a ruler: what the screen itself says is often wrong"
    )
    yield _line("  distance_cm", screen.distance_cm, "from the animal's eye to the screen, by a ruler")
    yield ""
    if rig.operator_screen is None:
        yield "operator_screen: null  # one screen only: the operator watches the terminal"
    else:
        yield "operator_screen:  # the screen that you watch"
        yield _line("  screen", rig.operator_screen.screen)
    yield ""
    if rig.photodiode is None:
        yield "photodiode: null  # none: nobody knows when an image really appeared"
    else:
        yield "photodiode:  # glued on this corner; the patch under it is white while an image is up"
        yield _line("  corner", rig.photodiode.corner, _choice(get_args(Corner)))
        yield _line("  side_px", rig.photodiode.side_px, "larger than the photodiode, smaller than the border")
    yield from _ports(rig)
    yield ""
    yield from calibration_lines(calibrations)


def _ports(rig: RigDocument) -> Iterator[str]:
    yield ""
    yield "codes:  # how digital codes reach the recorder"
    yield _line("  transport", rig.codes.transport, _choice(get_args(RigCodeTransport)))
    yield _line(
        "  address", rig.codes.address, "such as /dev/parport0, 0x378, /dev/ttyACM0 or COM3; null without a wire"
    )
    if rig.codes.transport == "serial":
        yield _line("  framing", rig.codes.framing, "raw (a byte a code) or checked (frames, docs/digital_lines.md)")
    else:
        yield "  # framing: of serial alone: raw (a byte a code) or checked (frames, docs/digital_lines.md)"
    yield ""
    yield "gaze:  # where the animal looks"
    yield _line("  source", rig.gaze.source, _choice(get_args(GazeSource)))
    yield _line("  address", rig.gaze.address, "100.1.1.1 of EyeLink's computer; an LSL stream's name, or type=Gaze")
    yield from _gaze_details(rig.gaze)
    yield ""
    yield "reward:  # what gives juice"
    yield _line("  device", rig.reward.device, _choice(get_args(RewardDevice)))
    yield _line("  address", rig.reward.address, "such as /dev/ttyACM0 or COM3; codes may share a microcontroller's")
    if rig.reward.line is not None:
        yield _line("  line", rig.reward.line, "of a digital_line D0 to D7 (pins 2 to 9), of a labjack such as FIO4")
    else:
        yield "  # line: of a digital_line D0 to D7 (pins 2 to 9), of a labjack such as FIO4 (docs/digital_lines.md)"
    yield ""
    yield from _recorder(rig.recorder)


def calibration_lines(calibrations: Calibrations) -> Iterator[str]:
    """Yield the lines of rig.yaml that say what was measured, its key first, without line ends."""
    yield "calibrations:  # the date of the last one, YYYY-MM-DD; null: never"
    yield from _measured(calibrations, indent="  ")


def _gaze_details(gaze: GazePort) -> Iterator[str]:
    if gaze.source == "eyelink":
        yield _line("  eye", gaze.eye, "left or right; null: the one that is tracked, left of two")
    if gaze.source in TRACKERS:
        yield _line("  unit", gaze.unit, "px, href (EyeLink), deg, normalized (LSL); null: as the tracker says")
    if gaze.source == "lsl":
        channels = json.dumps(list(gaze.channels), ensure_ascii=False) if gaze.channels is not None else "null"
        yield f"  channels: {channels}  # labels of x and y, as [gaze_x, gaze_y]; null: the first that are called so"
        yield _line("  reach", gaze.reach, "loopback; or network, if the stream comes from another computer")


def _recorder(port: RecorderPort) -> Iterator[str]:
    yield "recorder:  # who records"
    yield _line("  kind", port.kind, _choice(get_args(RecorderKind)))
    yield _line("  device", port.device, f"of blackrock: {_choice(get_args(BlackrockDevice))}; else null")
    yield _line("  file", port.file, "a new name for each recording, by these four words")
    folder = str(port.folder) if port.folder is not None else None
    yield _line("  folder", folder, "where its files grow, if this computer sees it; else null")
    minutes, presentations = port.split_minutes, port.split_presentations
    yield _line("  split_minutes", minutes, "a new file between trials after so many minutes; null: one a launch")
    yield _line("  split_presentations", presentations, "or after so many presentations")


def in_braces(section: Section) -> str:
    """Return a section on one line, as YAML and people read it; what is None in it is left out."""
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in section if value is not None) + "}"


def _measured(section: Section, *, indent: str) -> Iterator[str]:
    """Yield a section's values with what its class says of them; of what was never measured the dates alone."""
    for name, field in type(section).model_fields.items():
        value, key, comment = getattr(section, name), f"{indent}{name}", field.description or ""
        if isinstance(value, Section):
            yield f"{key}:  # {comment}" if comment else f"{key}:"
            yield from _measured(value, indent=f"{indent}  ")
        elif value is not None or datetime.date in get_args(field.annotation):
            yield _line(key, value, comment)


def _line(key: str, value: _Value, comment: str = "") -> str:
    written = f"{key}: {_value(value)}"
    return f"{written:<28}  # {comment}" if comment else written


def _value(value: _Value) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Section):
        return in_braces(value)
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, Sequence) else _number(value)


def _number(value: float) -> str:
    """Return a number as YAML reads it back: what is written with an exponent is text to it without a point."""
    digits, exponent, power = number_text(value).partition("e")
    return f"{digits}.0{exponent}{power}" if exponent and "." not in digits else f"{digits}{exponent}{power}"


def _text(text: str) -> str:
    """Return text as YAML reads it back: bare where that is a plain word, else in quotes, which JSON shares with it."""
    is_plain = text.replace("_", "").isalpha() and text.lower() not in _NOT_TEXT
    return text if is_plain else json.dumps(text, ensure_ascii=False)


_Value = str | float | datetime.date | Section | Sequence[Any] | None
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def _choice(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else f"{words[0]}: no other is known yet"
