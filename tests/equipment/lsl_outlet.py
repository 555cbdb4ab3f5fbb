"""A tracker with an LSL outlet, in a process of its own: `python -m tests.equipment.lsl_outlet NAME key=value ...`."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.equipment.processes import Child

ROOT = Path(__file__).parents[2]
DEFAULTS = {
    "type": "Gaze",
    "rate": "500",
    "labels": "x,y,pupil",
    "units": "degrees,degrees,mm",
    "format": "float32",
    "packet": "1",  # samples pushed at once
    "late_s": "0",  # by which its times are wrong
    "source_id": "",
    "eye": "still",  # or: blinking, none, garbled
}


class Outlet:
    """The process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def stall(self) -> None:
        """Stop it, with its connections."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def outlet(name: str, **settings: object) -> Iterator[Outlet]:
    """Start one, and end it."""
    words = [f"{key}={value}" for key, value in settings.items()]
    command = [sys.executable, "-m", "tests.equipment.lsl_outlet", name, *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with Child(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Outlet(process)
        finally:
            process.kill()


def point(n: int, eye: str) -> tuple[float, float]:
    if eye == "none" or (eye == "blinking" and n % 100 >= 80):
        return math.nan, math.nan
    if eye == "garbled" and n % 3:
        return (math.inf, 0.0) if n % 3 == 1 else (0.0, math.nan)
    return 0.25 * math.cos(n / 100), 0.25 * math.sin(n / 100)


def has_a_port_of_its_own() -> bool:
    """Return whether it listens where LSL looks for outlets: such a port is taken for a minute after one has ended."""
    mine = psutil.Process().net_connections(kind="tcp")
    return any(one.status == psutil.CONN_LISTEN and 16572 <= one.laddr.port < 16604 for one in mine)


def main() -> None:
    """Send until it is killed."""
    import pylsl

    name, *words = sys.argv[1:]
    said = DEFAULTS | dict(word.split("=", 1) for word in words)
    pylsl.set_config_content("[log]\nlevel = -3\n[ports]\nIPv6 = disable\n")
    labels = [label for label in said["labels"].split(",") if label]
    n_channels, rate_hz, packet = len(labels) or 2, float(said["rate"]), int(said["packet"])
    info = pylsl.StreamInfo(name, said["type"], n_channels, rate_hz, said["format"], said["source_id"])
    if labels:
        info.set_channel_labels(labels)
    if said["units"] and labels:
        info.set_channel_units((said["units"].split(",") * n_channels)[:n_channels])
    out = None
    while out is None or not has_a_port_of_its_own():
        del out
        time.sleep(0.1)
        out = pylsl.StreamOutlet(info, chunk_size=packet)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sent, begun_s, parent = 0, pylsl.local_clock(), os.getppid()
    while os.getppid() == parent:
        due = int((pylsl.local_clock() - begun_s) * rate_hz / packet) * packet
        for n in range(sent, due):
            x, y = point(n, said["eye"])
            values = [x, y, *[3.0] * (n_channels - 2)] if said["format"] != "string" else ["text"] * n_channels
            stamp_s = begun_s + (n + 1) / rate_hz - float(said["late_s"])
            out.push_sample(values, stamp_s, pushthrough=n == due - 1)
        sent = max(due, sent)
        time.sleep(0.5 / rate_hz)


if __name__ == "__main__":
    main()
