"""What can go wrong with a recorder, by name: a simulated one does it on request."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import DayNumber

RecorderFault = Literal[
    "pause",
    "reset",
    "sync_stub",
    "ptp_gap",
    "ptp_jump_back",
    "ptp_drift",
    "ptp_holes",
    "overlapping_blocks",
    "slow_stub",
    "truncated",
    "crashed",
    "out_of_order",
    "stray_ticks",
    "large_electrode_ids",
    "unknown_headers",
]

LineFault = Literal["clock_drift", "lost_codes", "doubled_codes", "flipped_codes", "code_wrap"]

RECORDER_FAULTS: Final[dict[RecorderFault, str]] = {
    "pause": "recording stops for 4 % of the session and goes on; the clock runs on",
    "reset": "the clock starts again from zero after 60 % of the session",
    "sync_stub": "500 samples, then a reset: how two processors are started together",
    "ptp_gap": "half a second is missing after 30 % of the session, time stamps go on",
    "ptp_jump_back": "time stamps jump back by two seconds after 70 % of the session",
    "ptp_drift": "the time stamps' clock runs 50 ppm faster than the samples",
    "ptp_holes": ".3 ms of the .ns6 are missing every 50 ms, time stamps go on",
    "overlapping_blocks": "every second the .ns6 begins a block one tick before the end of the last",
    "slow_stub": "a pause, after which an .ns1 besides begins with an odd block of one sample",
    "truncated": "the .ns6 ends in the middle of a sample, as after a full disk",
    "crashed": "the last block of the .ns6 says 0 samples: its length was never filled in",
    "out_of_order": "packets of the .nev stand up to 5 ticks after their time",
    "stray_ticks": "a few packets of the .nev have a time stamp that is nowhere near",
    "large_electrode_ids": "spikes of the .nev on electrodes beyond 2048",
    "unknown_headers": "extended headers of the .nev that no specification knows",
}

LINE_FAULTS: Final[dict[LineFault, str]] = {
    "clock_drift": "the recorder's clock runs 100 ppm fast; a second processor's as much slow",
    "lost_codes": "1 % of the codes never arrive",
    "doubled_codes": "1 % of the codes arrive twice",
    "flipped_codes": "0.1 % of the codes arrive with one bit flipped",
    "code_wrap": "codes count up and pass 65,535 in mid-session",
}


class SimulatedFault(Section):
    """A fault of the simulated recorder."""

    name: RecorderFault
    day: DayNumber | None = Field(default=None, description="the only day it happens on; every day")
    processor: Annotated[int, Field(ge=1, le=2)] | None = Field(
        default=None, description="the only processor it happens to; all"
    )
