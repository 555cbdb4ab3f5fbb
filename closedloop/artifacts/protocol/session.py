"""The protocol's sections on the session: presentation timing, trial, recording."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import (
    AroundOnsetMs,
    Count,
    DayNumber,
    Fraction,
    GazeSamples,
    ImageScale,
    PixelCm,
    PositiveWaitMs,
    PresentationsOfTrial,
    RefreshRate,
    ScreenPatch,
    ScreenSide,
    ShownMs,
    VisualAngle,
    WaitMs,
    WindowDeg,
)

_FRAME_TOLERANCE = 1e-3  # of a frame: 100 ms at 59.94 Hz is 5.994 frames, which is not whole


class PresentationTiming(Section):
    """Rapid serial visual presentation."""

    refresh_hz: RefreshRate
    on_ms: ShownMs
    off_ms: float = Field(ge=0, le=60_000)
    per_trial: PresentationsOfTrial
    visual_angle_deg: VisualAngle
    image_scale: ImageScale = Field(description="whole screen pixels an image pixel")
    grey_level: int = Field(ge=0, le=255)
    screen_width_px: ScreenSide
    screen_height_px: ScreenSide
    screen_cm_per_px: PixelCm
    full_screen: bool
    twin_separation_min: float = Field(
        ge=0, le=1_440, description="least minutes planned between an image and its attacked twin"
    )

    @model_validator(mode="after")
    def _whole_frames(self) -> PresentationTiming:
        for name, least in (("on_ms", 1), ("off_ms", 0)):
            frames = getattr(self, name) * self.refresh_hz / 1000
            whole = max(round(frames), least)
            if abs(frames - whole) > _FRAME_TOLERANCE:
                nearest = whole * 1000 / self.refresh_hz
                raise ValueError(
                    f"{name}: expected a whole number of frames, found {getattr(self, name):g} ms = {frames:.3f} "
                    f"frames at {self.refresh_hz:g} Hz. Use {nearest:.3f} ms, or a screen of 60 or 120 Hz"
                )
        return self

    @property
    def on_frames(self) -> int:
        """Frames an image is up."""
        return round(self.on_ms * self.refresh_hz / 1000)

    @property
    def off_frames(self) -> int:
        """Frames of grey after it."""
        return round(self.off_ms * self.refresh_hz / 1000)


class Trial(Section):
    """What the monkey has to do."""

    acquire_timeout_ms: PositiveWaitMs
    hold_ms: WaitMs
    fixation_window_deg: WindowDeg
    saccade_boxcar_samples: GazeSamples
    gaze_grace_ms: WaitMs | None = Field(
        default=None, description="how long the eye may be outside of the window; null: as long as half of the boxcar"
    )
    fixation_dot_px: ScreenPatch
    intertrial_ms: WaitMs
    reward_ms: WaitMs
    misses_before_time_out: Count
    time_out_ms: WaitMs
    hours_per_day: float = Field(gt=0, le=1_000, description="longest session that is planned")
    expected_broken_fraction: float = Field(ge=0, lt=1, description="trials that break or are ignored, for the budget")


class Recording(Section):
    """What is recorded and how spikes are counted."""

    specification: Literal["2.1", "2.2", "2.3", "3.0", "3.0-ptp"] = Field(
        description="of the files a simulated array writes"
    )
    spikes_from: Literal["nev", "raw"]
    raw_electrodes: int = Field(ge=0, le=128, description="electrodes written at 30 kHz on raw days")
    raw_days: tuple[DayNumber, ...] = Field(max_length=100, description="days on which raw voltage is written")
    detection: Literal["dicarlo", "zero_phase_butter", "causal"]
    waveform_samples: int = Field(ge=8, le=128, description="samples of a spike packet")
    window_start_ms: AroundOnsetMs
    window_stop_ms: AroundOnsetMs = Field(description="half-open window [start, stop) after stimulus onset")
    max_missing_fraction: Fraction = Field(description="largest part of the presentations that may be unusable")
    photodiode: str = Field(
        default="photodiode",
        min_length=1,
        max_length=255,
        description="the photodiode's channel: beginning of its label, or number",
    )
    bridge_ms: float = Field(
        default=1.0,
        ge=0,
        le=5,
        description="holes in the samples of at most so many milliseconds (a PTP recorder loses single packets) set no "
        "presentation aside; 0: every hole does",
    )
    count_noise_unit: bool = Field(
        default=False, description="whether the recorder's spikes of unit 255 count: its sorting took them for noise"
    )
    notch: Literal["defined", 50, 60, "none"] = Field(
        default="defined", description="the hum that is taken out before detection, in Hz; as the definition says"
    )

    @model_validator(mode="after")
    def _window(self) -> Recording:
        if self.window_stop_ms <= self.window_start_ms:
            raise ValueError(
                f"window_stop_ms: expected a window that ends after it starts, found "
                f"[{self.window_start_ms:g}, {self.window_stop_ms:g}) ms. Give [70, 170) as in section 3.1"
            )
        return self
