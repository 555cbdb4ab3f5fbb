"""A session's state in the words that the window and the terminal page share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.operator.keys import KEYS
from rig.operator.pace import LEAST_PACE_S
from rig.operator.state import LightState, PanelState, ShownImage

Tone = Literal["plain", "faint", "good", "bad", "warn"]

Counts = tuple[tuple[str, str, Tone], ...]
"""What, how many, and whether that is bad."""

SIGNS: dict[LightState, str] = {"good": "●", "none": "○", "bad": "▲"}
"""Beside every colour a sign and a word: a light is read without seeing colours."""

TONES: dict[LightState, Tone] = {"good": "good", "none": "faint", "bad": "bad"}

_DOING = {
    "opening": "opening",
    "interval": "between trials",
    "trial": "trial",
    "time-out": "time-out after too many misses",
    "paused": "PAUSED",
    "ended": "ended",
}


_NEW_S = 60.0

_BRIEFLY = {
    "fixation_broken": "away",
    "frames_dropped": "frames",
    "grey_frames_wrong": "grey",
    "window_lost": "window",
    "device_error": "device",
    "session_stopped": "stopped",
    "not_recorded": "recorder",
}


@dataclass(frozen=True)
class Headline:
    """What the rig is at, in large letters, and why."""

    text: str
    why: str
    tone: Tone


@dataclass(frozen=True)
class Quiet:
    """How long nothing was heard of the rig, as the panel's own clock has it.

    Attributes
    ----------
    since_s
        Since the last message, seconds.
    is_over
        Whether the connection has ended: nothing will come any more.
    """

    since_s: float
    is_over: bool = False


def headline(state: PanelState, silence: Quiet, resume: str) -> Headline:
    """Return what the operator must see first.

    Parameters
    ----------
    state
        The last that the rig said.
    silence
        How long ago.
    resume
        The command that goes on with the session.
    """
    if silence.is_over or state.outcome or state.fault:
        return _end_headline(state, resume)
    if silence.since_s > state.quiet_s:
        why = "It may hang: look at the animal's screen and at the rig's terminal."
        return Headline(f"NO WORD FROM THE RIG FOR {silence.since_s:.0f} s", why, "bad")
    if state.doing == "paused":
        goes_on = "It goes on by itself once that is well again." if state.goes_on else "Press p to continue."
        return Headline("PAUSED", f"{state.pause.removesuffix('.')}. {goes_on}", "warn")
    if state.doing == "opening":
        return Headline("opening", "Everything is checked, the screen for up to ten seconds.", "plain")
    number = f" {state.trial + 1}" if state.doing == "trial" and state.trial is not None else ""
    return Headline(f"{_DOING[state.doing]}{number}", "", "plain")


def _end_headline(state: PanelState, resume: str) -> Headline:
    if state.fault:
        return Headline("ENDED ON AN ERROR", f"{state.fault} Go on with: {resume}", "bad")
    if state.outcome == "complete":
        return Headline("COMPLETE", "everything planned was accepted", "good")
    if state.outcome == "stopped":
        return Headline("STOPPED", f"Go on with: {resume}", "warn")
    why = f"It was killed or failed; nothing accepted is lost. Go on with: {resume}"
    return Headline("THE RIG ENDED WITHOUT A WORD", why, "bad")


def heartbeat(silence: Quiet, *, n_messages: int) -> str:
    """Return the sign that the rig lives: it changes with every message.

    Parameters
    ----------
    silence
        How long nothing was heard.
    n_messages
        Heard so far.
    """
    if silence.is_over:
        return "✕ no rig"
    return f"{'♥' if n_messages % 2 else '♡'} heard {silence.since_s:.0f} s ago"


def verdict(image: ShownImage) -> str:
    """Return whether an image counts, in a sign and a word."""
    return f"✗ {_BRIEFLY.get(image.reason, image.reason)}" if image.reason else "✓"


def key_words(*, is_over: bool) -> tuple[str, ...]:
    """Return what each key does."""
    return ("[any key] close",) if is_over else tuple(f"[{key}] {what}" for key, what in KEYS)


def progress(state: PanelState) -> str:
    """Return how far the session is; empty before the rig has said it."""
    if not state.n_planned:
        return ""
    if state.hold_ms:  # a training goes on until somebody ends it
        return f"hold {state.hold_ms:.0f} ms   window {state.window_deg:.2f} deg"
    share = 100.0 * state.n_accepted / max(state.n_planned, 1)
    return f"{share:.0f} %   {state.n_accepted:,} of {state.n_planned:,} accepted"


def doubts_named(state: PanelState) -> str:
    """Return which checks the operator has to judge; empty where none."""
    names = ", ".join(doubt.partition(":")[0] for doubt in state.doubts)
    return f"to judge: {names}" if names else ""


def doubts_told(state: PanelState) -> tuple[str, ...]:
    """Return what they found, as long as it is new: for the first minute."""
    return state.doubts if state.running_s < _NEW_S else ()


def time_left(state: PanelState) -> str:
    """Return how long the rest takes: at the pace of this launch, and at the last five minutes' where that differs."""
    if state.outcome == "complete":
        return f"took {duration(state.running_s)} without pauses"
    if not state.n_planned or state.hold_ms:
        return ""
    if state.left_s is None:
        early = f"said once it ran for {LEAST_PACE_S:g} s" if state.running_s < LEAST_PACE_S else ""
        return f"time left: {early or 'unknown, nothing is accepted yet'}"
    text = f"time left: {duration(state.left_s)} at the pace so far"
    if state.left_lately_s is None:
        return f"{text}; nothing accepted in the last 5 min"
    is_other = abs(state.left_lately_s - state.left_s) > 0.2 * state.left_s
    return f"{text}, {duration(state.left_lately_s)} at that of the last 5 min" if is_other else text


def counts(state: PanelState) -> Counts:
    """Return the numbers of a session: what, how many, and whether that is bad."""
    share = 100.0 * state.n_wrong_frames / max(state.n_accepted + state.n_rejected, 1)
    wrong = f"{state.n_wrong_frames:,} ({share:.1f} %)"
    # One is on its way for as long as the valve is open; more are not being answered.
    lost: Counts = (("not confirmed", f"{state.n_unconfirmed} rewards", "bad"),) if state.n_unconfirmed > 1 else ()
    return (
        ("wrong frames", wrong, "bad" if share >= 1.0 else "plain"),  # a good screen has none in an hour
        ("reward", f"{state.reward_ms / 1000:.1f} s", "plain"),
        *lost,
        ("trials done", f"{state.n_completed:,} of {state.n_trials:,}", "plain"),
        ("broken", f"{state.n_broken:,}", "plain"),
        ("ignored", f"{state.n_ignored:,}", "plain"),
        ("rejected images", f"{state.n_rejected:,}", "plain"),
        ("time-outs", f"{state.n_time_outs:,}", "plain"),
        ("running", duration(state.running_s), "plain"),
    )


def duration(seconds: float) -> str:
    """Return a duration as somebody says it.

    Examples
    --------
    >>> duration(42), duration(130), duration(4000)
    ('42 s', '2 min', '1 h 07 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def mark_words(state: PanelState) -> str:
    """Return the mark of a session that is none of an animal, with what it means."""
    never = {mark: f"{mark}: never data" for mark in ("REHEARSAL", "TRAINING")}
    return {"": "", "SIMULATED": "SIMULATED: no animal", **never}[state.mark]
