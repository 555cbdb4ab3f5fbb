"""Where the rig speaks: which calls and which functions hold the text of a message, and how the operator meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Spoken:
    """A call that holds a message.

    Attributes
    ----------
    kind
        How the operator meets it: FAIL or WARN of a check, an error, a line, an answer, a pause.
    text
        Which argument is the message.
    fix
        Which one says what to do, where it is apart.
    of_an_object
        Whether it is somebody's (`command.refuse(...)`); else the name stands alone, and another's is another call.
    """

    kind: str
    text: int = 0
    fix: int | None = None
    of_an_object: bool = False


UNLESS_SIMULATED: Final = "FAIL (WARN without an animal)"

CALLS: Final[dict[str, Spoken]] = {
    "fail": Spoken("FAIL", 0, 1),
    "warn": Spoken("WARN", 0, 1),
    "unless_simulated": Spoken(UNLESS_SIMULATED, 0, 1),
    "_failed": Spoken("FAIL", 0, 1),
    "_seen": Spoken("FAIL or WARN", 2, 3),
    "Finding": Spoken("", 2, 3),
    "_of": Spoken("", 1, 2),
    "Verdict": Spoken("", 1, 2),
    "Misfit": Spoken("FAIL", 2, 3),
    "Happened": Spoken("pause", 2),
    "say": Spoken("line"),
    "_say": Spoken("line"),
    "tell": Spoken("line", of_an_object=True),
    "refuse": Spoken("answer", of_an_object=True),
    "_answer": Spoken("answer", 2),
    "RecordingSeen": Spoken("line", 2),
}
"""By the call's own name; what ends in `Error` and is none of Python's is an error. A kind of "" is the argument before
the text: FAIL, WARN or PASS, and what is PASS is no message."""

FUNCTIONS: Final[dict[tuple[str, str], str]] = {
    ("rig/display/health.py", "words_of"): "pause",
    ("rig/display/x11/window_watch.py", "_keyboard"): "pause",
    ("rig/display/psychopy/gamma.py", "words"): "pause",
    ("rig/display/psychopy/display.py", "_look_at_pixels"): "pause",
    ("rig/machine/rewards.py", "give"): "answer",
    ("rig/operator/desk.py", "_last_words"): "answer",
    ("rig/operator/panel.py", "fault"): "line",
    ("rig/operator/tell.py", "next"): "answer",
    ("rig/operator/wording.py", "headline"): "window",
    ("rig/operator/wording.py", "_end_headline"): "window",
    ("rig/operator/watched.py", "fault"): "window",
    ("rig/ports/found.py", "parallel_ports"): "line",
    ("rig/ports/found.py", "_not_ours"): "line",
    ("rig/ports/recorders/by_hand.py", "question"): "pause",
    ("rig/ports/recorders/by_hand.py", "_other_name"): "line",
    ("rig/setup/found.py", "_trouble"): "line",
}
"""Functions whose every text of more than a word somebody reads."""

REFUSALS: Final = ("refusal", "_refusal")
"""Functions that return the text of an error for somebody else to raise."""

KEYWORDS: Final = ("missing",)
"""Arguments by name that hold the end of an error: what is said where a file is not there."""

WRAPPERS: Final = ("visible", "one_line", "escape")
"""Functions that return a text as it may be printed."""

TABLES: Final[dict[tuple[str, str], str]] = {
    ("rig/ports/microcontroller/frames.py", "REASONS"): "pause",
    ("rig/machine/watcher.py", "_UNWAITED"): "pause",
    ("rig/stop.py", "QUESTION"): "window",
}
"""Constants whose every text somebody reads, inside of another message."""

DOCUMENTS: Final = ("closedloop/artifacts/rig/",)
"""Files whose ValueErrors are about what a person wrote into rig.yaml."""

BESIDE_THE_RIG: Final = (
    "closedloop/artifacts/rig/description.py",
    "closedloop/artifacts/rig/ports.py",
    "closedloop/artifacts/rig/calibrations.py",
    "closedloop/artifacts/day/session_fitness.py",
    "closedloop/storage/faults.py",
)
"""Files outside of rig/ whose messages an operator meets."""
