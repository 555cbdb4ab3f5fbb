"""The sections `presentation`, `trial` and `simulation` as settings of the rig, for session.json."""

from __future__ import annotations

from closedloop.artifacts.day.session import CodeSettings, ScreenSettings, ScriptedMonkey, TrialSettings
from closedloop.artifacts.protocol.analysis import Simulation
from closedloop.artifacts.protocol.session import PresentationTiming, Trial


def screen_of(timing: PresentationTiming) -> ScreenSettings:
    """Return the screen and the size of the images on it."""
    return ScreenSettings(
        refresh_hz=timing.refresh_hz,
        width_px=timing.screen_width_px,
        height_px=timing.screen_height_px,
        cm_per_px=timing.screen_cm_per_px,
        image_scale=timing.image_scale,
        visual_angle_deg=timing.visual_angle_deg,
        grey_level=timing.grey_level,
        full_screen=timing.full_screen,
    )


def trial_of(timing: PresentationTiming, trial: Trial) -> TrialSettings:
    """Return the presentations of a trial, in frames, and what the animal has to do."""
    return TrialSettings(
        on_frames=timing.on_frames,
        off_frames=timing.off_frames,
        presentations_per_trial=timing.per_trial,
        acquire_timeout_ms=trial.acquire_timeout_ms,
        hold_ms=trial.hold_ms,
        fixation_window_deg=trial.fixation_window_deg,
        saccade_boxcar_samples=trial.saccade_boxcar_samples,
        gaze_grace_ms=trial.gaze_grace_ms,
        intertrial_ms=trial.intertrial_ms,
        reward_ms=trial.reward_ms,
        misses_before_time_out=trial.misses_before_time_out,
        time_out_ms=trial.time_out_ms,
        fixation_dot_px=trial.fixation_dot_px,
    )


def codes() -> CodeSettings:
    """Return how digital codes are numbered: the same under every protocol."""
    return CodeSettings()


def scripted_monkey_of(simulation: Simulation, *, seed: int) -> ScriptedMonkey:
    """Return the animal of a simulated session."""
    return ScriptedMonkey(
        seed=seed,
        ignore_probability=simulation.ignore_probability,
        leave_early_probability=simulation.leave_early_probability,
    )
