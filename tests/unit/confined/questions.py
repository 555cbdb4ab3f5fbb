"""What may be asked of a confined process, and what may become of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from closedloop.confined.protocol import Answer
from closedloop.errors import CheckpointError


def add(first: int, second: int) -> Answer:
    return first + second, []


def pid() -> Answer:
    return os.getpid(), []


def send(n_bytes: int, n_parts: int) -> Answer:
    return "parts", (np.full(n_bytes, part, np.uint8) for part in range(n_parts))


def break_off() -> Answer:
    def parts() -> Iterator[bytes]:
        yield b"good"
        raise KeyError("half")

    return "begun", parts()


def spin() -> Answer:
    while True:
        pass


def sleep() -> Answer:
    signal.pause()
    return None, []


def swell() -> Answer:
    return len(bytearray(1 << 34)), []


def crash() -> Answer:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None, []


def leave() -> Answer:
    os._exit(0)


def parent() -> Answer:
    return os.getppid(), []


def refuse(place: str) -> Answer:
    raise CheckpointError(f"{place}: expected weights, found none. Give others.")


def miss(place: str) -> Answer:
    raise FileNotFoundError(2, "whatever", place)


def stumble() -> Answer:
    raise RuntimeError("of two\nlines " + 1000 * "x")


def write(place: str) -> Answer:
    return Path(place).write_text("something"), []


def shout() -> Answer:
    os.write(1, b"to stdout")
    os.write(2, b"to stderr")
    return None, []
