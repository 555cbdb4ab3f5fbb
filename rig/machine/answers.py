"""What whoever asked for something is told of it."""

from __future__ import annotations

from typing import Final

from rig.operator.commands import Command

_DONE: Final = {
    "pause": "paused",
    "continue": "continued",
    "skip": "skipped",
    "recalibrate": "recalibrating; status says how far gaze has drifted, where that is known",
    "quit": "stops",
}
_ALREADY: Final = {"pause": "paused already", "recalibrate": "paused already", "continue": "not paused: it goes on"}


def answer_command(command: Command, *, has_changed: bool, was_paused: bool) -> None:
    """Say what became of a command that leads from one state to another.

    Parameters
    ----------
    command
        Any but a reward.
    has_changed
        Whether it led anywhere.
    was_paused
        Whether the session was paused before.
    """
    if has_changed:
        command.answer(_DONE[command.name])
    elif (already := _ALREADY.get(command.name)) is not None:
        command.answer(already)
    else:
        command.refuse(f"nothing to {command.name}: {'paused' if was_paused else 'no trial is under way'}")
