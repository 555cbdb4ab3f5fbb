"""The RSVP state machine as a table: from a state and what happened to the next state, and nothing else.

A state says what each of its frames shows, and for how many frames; after every flip it is asked what happened, and the
table says where that leads. Nothing here flips, reads a port or writes a line: `rig.machine.runner` does, and carries
out the actions that belong to entering and leaving a state (`ACTIONS`). A session runs through

    interval -> start -> acquire -> hold -> on -> off -> on ... -> off -> reward -> interval ... -> abort

and out of any of these to `end` where the trial is broken or cut, to `pause` and to `recalibrate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from closedloop.artifacts.day.journal_rows import RejectionReason, TrialOutcome

Phase = Literal["start", "acquire", "hold", "on", "off", "reward", "end", "interval", "pause", "recalibrate", "abort"]
"""What is on the screen: `start` is the fixation point's first frame, `end` the grey that closes a trial cut short."""

Event = Literal[
    "quit",  # the operator or a signal asks to stop
    "window_lost",  # something keeps the animal from seeing the picture
    "gaze_lost",  # no sample came from the tracker for a while
    "device_error",  # a port failed, and an operator is there to mend it
    "device_gone",  # a port failed, and nobody is there
    "pause",
    "recalibrate",
    "skip",
    "continue",
    "mended",  # what the rig paused for by itself is well again
    "rewarded",  # nothing is waited for from the valve
    "broken",  # the eye left the window
    "acquired",  # the eye came to rest in it
    "elapsed",  # the state's frames are over
    "all_shown",  # they are over, and so are the trial's images (in off), the session's (in interval)
    "frame",  # nothing of all this
]
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
EVENTS: Final[tuple[Event, ...]] = get_args(Event)

Action = Literal[
    "begin_trial",  # take its images, upload them, write trial_begun, send its code at the flip
    "start_trial",  # write trial_started
    "begin_image",  # write presentation_begun, send its code at the flip
    "close_image",  # write the presentation that went off at this flip, accepted or rejected
    "open_image",  # note which one went on
    "give_reward",
    "end_trial",  # write trial_ended, requeue what was rejected
    "note_time_out",
    "note_pause",
    "note_continue",
    "end_session",
]


@dataclass(frozen=True)
class Actions:
    """What entering and leaving a state takes: before its first flip, right after it, and before the next state."""

    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()
    leaving: tuple[Action, ...] = ()


ACTIONS: Final[Mapping[Phase, Actions]] = {
    "start": Actions(before=("begin_trial",), after=("start_trial",)),
    "acquire": Actions(),
    "hold": Actions(),
    "on": Actions(before=("begin_image",), after=("close_image", "open_image")),
    "off": Actions(after=("close_image",)),
    "reward": Actions(after=("close_image", "give_reward"), leaving=("end_trial",)),
    "end": Actions(after=("close_image",), leaving=("end_trial",)),
    "interval": Actions(before=("note_time_out",)),
    "pause": Actions(before=("note_pause",), leaving=("note_continue",)),
    "recalibrate": Actions(before=("note_pause",), leaving=("note_continue",)),
    "abort": Actions(before=("end_session",)),
}


@dataclass(frozen=True)
class Transition:
    """Where an event leads.

    Attributes
    ----------
    to
        The next state; the same one where nothing changes; None: where the trial's end leads (`Situation.then`).
    outcome, reason, then
        Of a trial that ends: how, what its image is rejected for, and where it leads.
    waits
        The event is kept until the state is left.
    """

    to: Phase | None
    outcome: TrialOutcome = "completed"
    reason: RejectionReason | None = None
    then: Phase = "interval"
    waits: bool = False


def _cut(reason: RejectionReason, then: Phase) -> Transition:
    return Transition("end", outcome="stopped", reason=reason, then=then)


_CUTS: Final[Mapping[Event, Transition]] = {  # a trial under way ends at the next flip
    "quit": _cut("session_stopped", "abort"),
    "window_lost": _cut("window_lost", "pause"),
    "gaze_lost": _cut("fixation_broken", "pause"),
    "device_error": _cut("device_error", "pause"),
    "device_gone": _cut("device_error", "abort"),
    "pause": _cut("paused", "pause"),
    "recalibrate": _cut("paused", "recalibrate"),
    "skip": _cut("skipped", "interval"),
}
_BETWEEN: Final[Mapping[Event, Transition]] = {  # nothing is up that could be rejected
    "quit": Transition("abort"),
    "window_lost": Transition("pause"),
    "gaze_lost": Transition("pause"),
    "device_error": Transition("pause"),
    "device_gone": Transition("abort"),
    "pause": Transition("pause"),
    "recalibrate": Transition("recalibrate"),
}
_BROKEN: Final = Transition("end", outcome="broken", reason="fixation_broken")
_IGNORED: Final = Transition("end", outcome="ignored")
_VALVE_FIRST: Final = Transition("reward", waits=True)  # what is asked while the valve is open waits for it

_TRANSITIONS: Final[Mapping[Phase, Mapping[Event, Transition]]] = {
    "start": {**_CUTS, "elapsed": Transition("acquire")},
    "acquire": {**_CUTS, "acquired": Transition("hold"), "elapsed": _IGNORED},
    "hold": {**_CUTS, "broken": _BROKEN, "elapsed": Transition("on")},
    "on": {**_CUTS, "broken": _BROKEN, "elapsed": Transition("off")},
    "off": {**_CUTS, "broken": _BROKEN, "elapsed": Transition("on"), "all_shown": Transition("reward")},
    "reward": {
        **dict.fromkeys(_CUTS, _VALVE_FIRST),
        "device_error": Transition("pause"),
        "device_gone": Transition("abort"),
        "rewarded": Transition("interval"),
    },
    "end": {**_BETWEEN, "elapsed": Transition(None)},
    "interval": {**_BETWEEN, "elapsed": Transition("start"), "all_shown": Transition("abort")},
    "pause": {
        "quit": Transition("abort"),
        "device_gone": Transition("abort"),
        "recalibrate": Transition("recalibrate"),
        "continue": Transition("interval"),
        "mended": Transition("interval"),
    },
    "recalibrate": {
        "quit": Transition("abort"),
        "window_lost": Transition("pause"),
        "device_gone": Transition("abort"),
        "pause": Transition("pause"),
        "continue": Transition("interval"),
    },
    "abort": {},
}

TABLE: Final[Mapping[tuple[Phase, Event], Transition]] = {
    (state, event): _TRANSITIONS[state].get(event, Transition(state)) for state in PHASES for event in EVENTS
}
"""The whole machine; what is not said of a state changes nothing in it."""


@dataclass(frozen=True)
class Situation:
    """Where a session is.

    Attributes
    ----------
    state
        What is on the screen, or comes on at the next flip.
    n_flips
        Flips that have shown it.
    slot
        The trial's image that is up, or was last; -1 before the first.
    outcome, reason, then
        Of a trial that ends: how, what its image is rejected for, and where it leads.
    """

    state: Phase
    n_flips: int = 0
    slot: int = -1
    outcome: TrialOutcome = "completed"
    reason: RejectionReason | None = None
    then: Phase = "interval"

    def flipped(self) -> Situation:
        """Return the situation after one more flip."""
        return replace(self, n_flips=self.n_flips + 1)


def follow(situation: Situation, event: Event) -> Situation:
    """Return where an event leads; the very same situation where it changes nothing.

    Parameters
    ----------
    situation
        Where the session is.
    event
        What happened at its last flip.
    """
    step = TABLE[situation.state, event]
    to = situation.then if step.to is None else step.to
    if to == situation.state:
        return situation
    slot = situation.slot + 1 if to == "on" else -1 if to == "start" else situation.slot
    if to in ("end", "reward"):
        return Situation(to, slot=slot, outcome=step.outcome, reason=step.reason, then=step.then)
    return Situation(to, slot=slot)


def is_kept(state: Phase, event: Event) -> bool:
    """Return whether an event is kept until a state is left."""
    return TABLE[state, event].waits


def is_over(situation: Situation, n_frames: Mapping[Phase, int], *, n_left: int) -> Event:
    """Return whether the state's frames are over: "elapsed", "all_shown", or "frame" where they are not.

    Parameters
    ----------
    situation
        After its last flip.
    n_frames
        Of the states that last a number of frames; the others wait for something else.
    n_left
        What is still to be shown: images of the trial in `off`, presentations of the session in `interval`.
    """
    planned = n_frames.get(situation.state)
    if planned is None or situation.n_flips < planned:
        return "frame"
    return "all_shown" if situation.state in ("off", "interval") and n_left == 0 else "elapsed"
