"""Flashes that the rig showed to its photodiode, and what a recording says of their light.

::

    rig calibrate photodiode  ->  flashes.json  ->  closedloop recording light  ->  light.json  ->  rig.yaml
"""

from __future__ import annotations

import datetime
import itertools
from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import Name, RefreshRate
from closedloop.artifacts.rig.calibrations import LightDelay

FLASHES_NAME = "flashes.json"


class PatchFlash(Section):
    """The photodiode's patch, white for a few frames."""

    code: int = Field(ge=1, le=255, description="digital code that was sent at the flip")
    time_s: float = Field(description="of the flip, on the rig's clock")
    n_frames: int = Field(ge=1, description="that it was white for")


class FlashesDocument(Document):
    """flashes.json: what was flashed."""

    kind: Literal["photodiode_flashes"] = "photodiode_flashes"
    rig: Name
    date: datetime.date
    refresh_hz: RefreshRate
    codes: str = Field(description="how the codes left")
    flashes: tuple[PatchFlash, ...] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _flashes_are_in_order(self) -> FlashesDocument:
        for number, (one, other) in enumerate(itertools.pairwise(self.flashes), start=2):
            if other.time_s < one.time_s:
                raise ValueError(
                    f"flashes: expected times that do not go back, found {other.time_s:g} s behind {one.time_s:g} at "
                    f"flash {number}. Restore the file"
                )
        return self


class LightDocument(Document):
    """light.json: how long after their flips the flashes were bright."""

    kind: Literal["photodiode_light"] = "photodiode_light"
    rig: Name
    date: datetime.date = Field(description="when the flashes were shown")
    light: LightDelay
    early_ms: float = Field(description="a twentieth of the delays are shorter")
    late_ms: float = Field(description="a twentieth of the delays are longer")
    n_shown: int = Field(ge=1, description="flashes")
    n_without_code: int = Field(ge=0, description="flashes whose code is not in the recording")
    n_off_frame: int = Field(ge=0, description="delays that are half a frame or more from the median")
