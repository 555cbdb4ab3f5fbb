"""What the operator sees of a session at one moment: plain values that travel to another process as one JSON text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

LightState = Literal["good", "none", "bad"]
Mark = Literal["", "SIMULATED", "REHEARSAL", "TRAINING"]
Doing = Literal["opening", "interval", "trial", "time-out", "paused", "ended"]

LAST_IMAGES = 8
"""How many images are remembered to be looked at."""


@dataclass(frozen=True)
class Light:
    """How a port is.

    Attributes
    ----------
    name
        Of the port: display, gaze, codes, reward, recorder.
    state
        "none" where nothing is connected.
    words
        What it is, or what is wrong with it.
    """

    name: str
    state: LightState
    words: str


@dataclass(frozen=True)
class ShownImage:
    """An image that was shown: its row in images.npy, and why it counts for nothing; empty where it was accepted."""

    image_index: int
    reason: str


@dataclass(frozen=True)
class PanelState:
    """A session at one moment.

    Attributes
    ----------
    session_id, subject, mark
        Whose session, and whether it is none of an animal.
    doing, trial
        What the rig is at, and in which trial.
    pause, goes_on
        Why it is paused, and whether it goes on by itself; empty where it is not.
    outcome, fault
        How the session ended, and on which error; empty while it runs.
    n_planned, n_accepted, n_rejected
        Presentations; rejected ones are shown again.
    n_trials, n_completed, n_broken, n_ignored, n_time_outs
        Trials, and pauses after too many misses in a row.
    n_wrong_frames
        Presentations rejected because the image or the grey before it lasted other frames than planned.
    running_s
        Time of this launch, pauses left out.
    left_s, left_lately_s
        Time left at the pace of this launch, and of its last minutes; None before there is one.
    reward_ms, n_unconfirmed
        What the valve confirmed, in all, and rewards that it was told of and has not confirmed.
    hold_ms
        What a trial of a training asks for; 0 in a session.
    window_deg, eye
        Radius of the fixation window, and the last samples of gaze, oldest first: degrees right and up; None: no eye.
    last_images
        The newest last.
    lights
        The ports.
    warnings
        What is wrong now, in words.
    said
        What became of the operator's last key, for some seconds.
    doubts
        What the checks left to the operator's judgement, or the operator overrode: "clock: nothing sets it".
    quiet_s
        How long the rig may say nothing: a trial, in which it draws for the animal alone.
    """

    session_id: str
    subject: str
    mark: Mark = ""
    doing: Doing = "opening"
    trial: int | None = None
    pause: str = ""
    goes_on: bool = False
    outcome: str = ""
    fault: str = ""
    n_planned: int = 0
    n_accepted: int = 0
    n_rejected: int = 0
    n_trials: int = 0
    n_completed: int = 0
    n_broken: int = 0
    n_ignored: int = 0
    n_time_outs: int = 0
    n_wrong_frames: int = 0
    running_s: float = 0.0
    left_s: float | None = None
    left_lately_s: float | None = None
    reward_ms: float = 0.0
    n_unconfirmed: int = 0
    hold_ms: float = 0.0
    window_deg: float = 0.0
    eye: tuple[tuple[float, float] | None, ...] = ()
    last_images: tuple[ShownImage, ...] = ()
    lights: tuple[Light, ...] = ()
    warnings: tuple[str, ...] = ()
    said: str = ""
    doubts: tuple[str, ...] = ()
    quiet_s: float = 5.0

    def to_json(self) -> str:
        """Return the state as JSON, one line."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)


def state_from(plain: dict[str, Any]) -> PanelState:
    """Return the state that `PanelState.to_json` wrote."""
    eye = tuple(None if point is None else (point[0], point[1]) for point in plain["eye"])
    images = tuple(ShownImage(**image) for image in plain["last_images"])
    lights = tuple(Light(**light) for light in plain["lights"])
    texts = {name: tuple(plain[name]) for name in ("warnings", "doubts")}
    return PanelState(**{**plain, **texts, "eye": eye, "last_images": images, "lights": lights})
