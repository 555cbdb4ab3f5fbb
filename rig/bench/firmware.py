"""The microcontroller on the bench: what it says of itself is tried, and a person says what its pins did."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from closedloop.errors import DeviceError
from rig.check.findings import Finding, FindingStatus
from rig.ports.microcontroller.device import Microcontroller
from rig.ports.microcontroller.frames import HANG_KEY, Frame, FrameType, Version

Ask = Callable[[str], bool | None]
"""Puts a question to a person: yes, no, or None where nobody is there."""

_LINES = (*(1 << bit for bit in range(8)), 255)
_N_ROUND_TRIPS = 100
_OPENINGS_MS = (1.0, 5.0, 20.0, 120.0, 250.0)
_MOST_WRONG_MS = 1.0
_TOO_LONG_MS = 6_553.5
_WIRING = "Look at the wiring: docs/firmware.md."
_PROGRAM = "Program it with this version's firmware: make firmware."
_NOBODY = "Run it in a terminal, and look at the pins."


@dataclass(frozen=True)
class BenchTrial:
    """One thing to try.

    Attributes
    ----------
    name
        In the table.
    run
        Tries it.
    opens
        Whether it opens the valve.
    """

    name: str
    run: Callable[[FirmwareBench], Finding]
    opens: bool = False


class FirmwareBench:
    """A microcontroller, and a person who looks at it.

    Parameters
    ----------
    device
        Opened; released by `close`.
    ask
        Puts a question to the person.
    """

    def __init__(self, device: Microcontroller, ask: Ask) -> None:
        self.device, self.ask = device, ask
        self._box = device.share(FrameType.GIVE, FrameType.OPENED, FrameType.CLOSED, FrameType.BOOTED)

    def hear(self, frame_type: FrameType, *, within_s: float) -> Frame:
        """Return the next such frame about the valve.

        Raises
        ------
        DeviceError
            None came.
        """
        until_s = time.monotonic() + within_s
        while True:
            while self._box:
                if (frame := self._box.popleft()).type == frame_type:
                    return frame
            if not self.device.listen(until_s):
                raise DeviceError(
                    f"{self.device.place}: expected {frame_type.name} within {within_s:.1f} s, found none. {_PROGRAM}"
                )

    def give(self, duration_ms: float) -> None:
        """Tell the valve to open, for whatever time."""
        self._box.clear()
        self.device.post(FrameType.GIVE, round(duration_ms * 10).to_bytes(2, "little"))

    @property
    def answer_s(self) -> float:
        """How long an answer is waited for."""
        return self.device.patience.answer_s

    def close(self) -> None:
        """Release it."""
        self.device.close()


def try_version(bench: FirmwareBench) -> Finding:
    """Ask what it is."""
    version = bench.device.version
    return _passed(
        f"{version.board}, firmware {version.firmware}, protocol {version.protocol}; begun by {version.reset}; gives "
        f"{version.largest_ms} ms at once at most"
    )


def try_round_trips(bench: FirmwareBench) -> Finding:
    """Ask for the valve again and again; every answer has to come."""
    taken_ms = []
    for _ in range(_N_ROUND_TRIPS):
        began_s = time.perf_counter()
        if bench.device.valve().is_open:
            return _failed("expected the valve closed, found it open", "Close the tap. " + _WIRING)
        taken_ms.append(1000 * (time.perf_counter() - began_s))
    return _passed(
        f"{_N_ROUND_TRIPS} of {_N_ROUND_TRIPS} answered, valve closed; median {statistics.median(taken_ms):.1f} ms, "
        f"longest {max(taken_ms):.1f} ms"
    )


def try_damage(bench: FirmwareBench) -> Finding:
    """Send a damaged order to open the valve."""
    before = bench.device.valve()
    bench.device.post_damaged(FrameType.GIVE, (500).to_bytes(2, "little"))
    bench.hear(FrameType.REFUSED, within_s=bench.answer_s)
    after = bench.device.valve()
    if (after.n_openings, after.n_bad) != (before.n_openings, before.n_bad + 1):
        return _failed(f"expected a damaged order to be counted and refused, found {after}", _PROGRAM)
    return _passed("a damaged order was refused, and opened nothing")


def try_too_long(bench: FirmwareBench) -> Finding:
    """Ask for more than it gives at once."""
    before = bench.device.valve().n_openings
    bench.give(_TOO_LONG_MS)
    bench.hear(FrameType.REFUSED, within_s=bench.answer_s)
    if bench.device.valve().n_openings != before:
        return _failed(f"expected {_TOO_LONG_MS:g} ms to be refused, found an opening", _PROGRAM)
    return _passed(f"{_TOO_LONG_MS:g} ms were refused, and opened nothing")


def try_codes(bench: FirmwareBench) -> Finding:
    """Raise one code line after another."""
    for code in _LINES:
        said = bench.device.ask(FrameType.CODE, FrameType.STROBED, bytes([code])).payload[0]
        if said != code:
            return _failed(f"expected code {code} to be strobed, found {said}", _PROGRAM)
    codes = ", ".join(map(str, _LINES))
    return _seen(bench, f"Did the recorder read {codes}, once each?", f"{codes} strobed, as it says", _WIRING)


def try_openings(bench: FirmwareBench) -> Finding:
    """Open the valve for several times, from short to long."""
    first = bench.device.valve().n_openings
    for asked_ms in _OPENINGS_MS:
        bench.give(asked_ms)
        closed_ms = bench.hear(FrameType.CLOSED, within_s=asked_ms / 1000 + bench.answer_s).number(0) / 10
        if abs(closed_ms - asked_ms) > _MOST_WRONG_MS:
            return _failed(f"expected the valve open for {asked_ms:g} ms, found {closed_ms:g} ms", _PROGRAM)
    valve = bench.device.valve()
    n = len(_OPENINGS_MS)
    if valve.is_open or (valve.n_openings - first) % 65_536 != n:
        return _failed(f"expected {n} openings and a closed valve, found {valve}", _PROGRAM)
    times = ", ".join(f"{ms:g}" for ms in _OPENINGS_MS)
    return _seen(bench, f"Did the valve click {n} times and close?", f"{times} ms open, as it says", _WIRING)


def try_shut(bench: FirmwareBench) -> Finding:
    """Open the valve for long, and shut it at once."""
    longest_ms = bench.device.version.largest_ms
    bench.give(longest_ms)
    bench.hear(FrameType.OPENED, within_s=bench.answer_s)
    bench.device.ask(FrameType.SHUT, FrameType.SHUT_NOW)
    closed_ms = bench.hear(FrameType.CLOSED, within_s=bench.answer_s).number(0) / 10
    if closed_ms >= longest_ms or bench.device.valve().is_open:
        return _failed(f"expected it shut before {longest_ms} ms, found {closed_ms:g} ms", _PROGRAM)
    return _passed(f"shut after {closed_ms:g} of {longest_ms} ms")


def try_watchdog(bench: FirmwareBench) -> Finding:
    """Make it hang with its valve open: the watchdog has to reset it, and the reset to close the valve."""
    bench.give(bench.device.version.largest_ms)
    bench.hear(FrameType.OPENED, within_s=bench.answer_s)
    bench.device.post(FrameType.HANG, HANG_KEY)
    version = Version.of(bench.hear(FrameType.BOOTED, within_s=bench.device.patience.first_s))
    if bench.device.valve().is_open:
        return _failed("expected a reset to close the valve, found it open", _WIRING)
    return _seen(
        bench,
        "Did the valve click once, and close at once?",
        f"hung with its valve open, and began anew by {version.reset}",
        "The driver needs a resistor that holds the valve closed while no pin drives it. " + _WIRING,
    )


TRIALS = (
    BenchTrial("version", try_version),
    BenchTrial("round-trips", try_round_trips),
    BenchTrial("damaged", try_damage),
    BenchTrial("too-long", try_too_long),
    BenchTrial("codes", try_codes),
    BenchTrial("openings", try_openings, opens=True),
    BenchTrial("shut", try_shut, opens=True),
    BenchTrial("watchdog", try_watchdog, opens=True),
)


def try_all(bench: FirmwareBench, *, may_open: Callable[[], bool]) -> Iterator[Finding]:
    """Try everything, and yield what came of each; the valve is opened where somebody allows it.

    Parameters
    ----------
    bench
        What is tried.
    may_open
        Asked once, before the first that opens the valve.
    """
    allowed: bool | None = None
    for trial in TRIALS:
        if trial.opens and allowed is None:
            allowed = may_open()
        if trial.opens and not allowed:
            yield Finding(trial.name, "WARN", "not tried: it opens the valve", "Allow it once nobody drinks from it.")
            continue
        try:
            found = trial.run(bench)
        except DeviceError as error:
            said, _, fix = str(error).partition(". ")
            found = _failed(said, fix)
        yield Finding(trial.name, found.status, found.found, found.fix)


def _passed(found: str) -> Finding:
    return _of("PASS", found)


def _failed(found: str, fix: str) -> Finding:
    return _of("FAIL", found, fix)


def _of(status: FindingStatus, found: str, fix: str = "") -> Finding:
    return Finding("", status, found, fix)


def _seen(bench: FirmwareBench, question: str, found: str, fix: str) -> Finding:
    """Return what a person saw: what the device says of its pins is not what they did."""
    seen = bench.ask(question)
    if seen is None:
        return _of("WARN", f"{found}; nobody looked", _NOBODY)
    return _passed(f"{found}, and as you saw") if seen else _failed(f"{found}, and not as you saw", fix)
