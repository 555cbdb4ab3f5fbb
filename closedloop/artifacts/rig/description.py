"""rig.yaml: screens, ports and calibrations of one rig. It outlives studies, and a session folder travels to any rig.

What a study decides (images, timing, what the animal has to do) is in the session folder; what is screwed to the wall
is here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.protocol.numbers import Name, RefreshRate, ScreenPatch, ScreenSide
from closedloop.artifacts.rig.calibrations import Calibrations
from closedloop.artifacts.rig.ports import CodesPort, GazePort, RecorderPort, RewardPort, is_same_address
from closedloop.errors import RigError
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.storage import sha256_bytes

ScreenNumber = Annotated[int, Field(ge=0, le=63)]
"""As the system counts its screens, from 0; `rig devices` lists them."""

Corner = Literal["lower_left", "lower_right", "upper_left", "upper_right"]


class SubjectScreen(Section):
    """The screen in front of the animal."""

    screen: ScreenNumber
    width_px: ScreenSide
    height_px: ScreenSide
    refresh_hz: RefreshRate
    width_cm: float = Field(gt=1, le=1_000, description="of the lit picture, by a ruler")
    distance_cm: float = Field(gt=1, le=1_000, description="from the eye to the screen, by a ruler")

    @property
    def cm_per_px(self) -> float:
        """Size of a pixel."""
        return self.width_cm / self.width_px


class OperatorScreen(Section):
    """The screen that the operator watches."""

    screen: ScreenNumber


class PhotodiodePatch(Section):
    """Where the photodiode is glued on: white exactly while an image is shown."""

    corner: Corner = "lower_left"
    side_px: ScreenPatch


class RigDocument(Section):
    """One rig."""

    format_version: Literal[1] = 1
    kind: Literal["rig"] = "rig"
    name: Name = Field(min_length=1)
    subject_screen: SubjectScreen
    operator_screen: OperatorScreen | None = None
    photodiode: PhotodiodePatch | None
    codes: CodesPort
    gaze: GazePort
    reward: RewardPort
    recorder: RecorderPort
    calibrations: Calibrations = Calibrations()

    @model_validator(mode="after")
    def _one_device_at_an_address(self) -> RigDocument:
        reward, codes = self.reward, self.codes
        is_shared = reward.device == "microcontroller" and is_same_address(reward.address, codes.address)
        if is_shared and codes.transport != "microcontroller":
            raise ValueError(
                f"codes.transport: expected microcontroller, as for reward at {codes.address}, found "
                f"{codes.transport}. Correct one of the two, or its address"
            )
        return self

    @model_validator(mode="after")
    def _valve_has_a_port_of_its_own(self) -> RigDocument:
        if self.reward.device == "digital_line" and is_same_address(self.reward.address, self.codes.address):
            raise ValueError(
                f"reward.address: expected a parallel port of the valve's own, found {self.reward.address}, which "
                "codes have: each code would open or close the valve. Wire it to another port"
            )
        return self

    @model_validator(mode="after")
    def _two_screens(self) -> RigDocument:
        number = self.subject_screen.screen
        if self.operator_screen is not None and self.operator_screen.screen == number:
            raise ValueError(
                f"operator_screen.screen: expected another screen than the animal's, found {number} for both. "
                "Correct it, or set operator_screen to null"
            )
        return self


def read_rig(path: Path) -> tuple[RigDocument, str]:
    """Read and check a rig's description.

    Returns
    -------
    RigDocument, str
        The rig, and the SHA-256 of its file.

    Raises
    ------
    RigError
        The file is missing, is no YAML, or describes no rig.
    """
    missing = "expected a rig's description, found none. `rig init` writes one."
    content = read_limited(path, most_bytes=MOST_YAML_BYTES, missing=missing, error=RigError)
    plain = parse_yaml(content, place=str(path), error=RigError, remedy="Start from what `rig init` writes.")
    return validate(RigDocument, plain, place=str(path), error=RigError), sha256_bytes(content)
