"""Real EDF files of EyeLinks, which eyelinkio ships for its own tests, with messages of a rig put in between.

A message in such a file is the byte 24, two bytes that the tracker wrote itself, its time in ms (big-endian), a byte,
the text's length with its end (big-endian), the text, a zero, and one more. It is put before a message that is there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

_TRIAL = re.compile(rb"\x18\x08\x21(.{4}).\x00.TRIALID \d+\x00\x00", re.DOTALL)


def edf_bytes(name: str) -> bytes:
    """Return one of eyelinkio's files; test_raw.edf has two parts, test_2_raw.edf one, both 1,000 Hz of a left eye."""
    pytest.importorskip("eyelinkio", reason="no eyelinkio, which ships recorded files")
    return (files("eyelinkio") / "tests" / "data" / name).read_bytes()


def trial_times_ms(content: bytes) -> list[int]:
    """Return the tracker's times of the messages that began the trials of that recording."""
    return [struct.unpack(">I", match[1])[0] for match in _TRIAL.finditer(content)]


def with_messages(content: bytes, messages: Sequence[tuple[int, str]]) -> bytes:
    """Put messages into a file.

    Parameters
    ----------
    content
        The file.
    messages
        The tracker's time in ms, and the text, in the order of time.
    """
    places = [(struct.unpack(">I", match[1])[0], match.start()) for match in _TRIAL.finditer(content)]
    pieces, done, waiting = [], 0, list(messages)
    for time_ms, place in places:
        fitting = [message for message in waiting if message[0] <= time_ms]
        waiting = waiting[len(fitting) :]
        pieces += [content[done:place], *(_message(*message) for message in fitting)]
        done = place
    end = content.index(b"\x00\x00", done + 20) + 2 if waiting else done
    return b"".join([*pieces, content[done:end], *(_message(*message) for message in waiting), content[end:]])


def write_edf(path: Path, name: str, messages: Sequence[tuple[int, str]] = ()) -> None:
    """Write one of eyelinkio's files with messages."""
    path.write_bytes(with_messages(edf_bytes(name), messages))


def _message(time_ms: int, text: str) -> bytes:
    content = text.encode() + b"\0"
    return b"\x18\x08\x21" + struct.pack(">IBH", time_ms, 0x5E, len(content)) + content + b"\0"
