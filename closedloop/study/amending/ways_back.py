"""How a decision is taken back that `closedloop withdraw` does not take back: by which command, to be pasted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from closedloop.artifacts.amended.exclusions import PARTS, Exclusion, things_in
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import SHOWN
from closedloop.plain_text.printed import command_line, quoted

_WHY: Final = " --why TEXT"
_REASON: Final = " --reason TEXT"


def way_back(study: Path, line: Amendment) -> str:
    """Return in a sentence, without its full stop, how a decision is taken back.

    Parameters
    ----------
    study
        Its folder.
    line
        The decision; of a kind that `closedloop withdraw` does not take back.
    """
    return _WAYS[line.kind](study, line) if line.kind in _WAYS else "It stays"


def command_of_things(command: str, study: Path, things: Sequence[Exclusion]) -> str:
    """Return the command of the same things and days, with the words of a person.

    Parameters
    ----------
    command
        `exclude` or `include`.
    study
        Its folder.
    things
        What was decided on, by one line.
    """
    parts = {one.part for one in things}
    words = ["--from", "both" if len(parts) == len(PARTS) else min(parts, default="both")]
    for thing in dict.fromkeys(one.model_copy(update={"part": PARTS[0]}) for one in things):
        if thing.thing in ("site", "array"):
            words += [f"--{thing.thing}", thing.name]
            continue
        words += ["--day", str(thing.from_day)]
        words += ["--block", str(thing.block)] if thing.block is not None else []
        if thing.thing == "presentations":
            words += ["--presentations", f"{thing.first}-{thing.last}"]
    if things and things[0].thing in ("site", "array"):
        words += ["--from-day", str(things[0].from_day)] if things[0].from_day else []
        words += ["--to-day", str(things[0].to_day)] if things[0].to_day is not None else []
    return command_line("closedloop", command, study, *words) + _WHY


def _of_day(command: str, study: Path, line: Amendment, *options: str) -> str:
    return command_line("closedloop", command, study, "--day", str(line.day), *options) + _WHY


def _of_session(command: str, study: Path, line: Amendment) -> str:
    return _of_day(command, study, line, *(("--block", str(line.block)) if line.block > 1 else ()))


def _dropped(study: Path, line: Amendment) -> str:
    again = ("--again",) if line.after.get(SHOWN) == "yes" else ()
    return f"`{_of_day('add-block', study, line, *again)}` has the session again"


_WAYS: Final[Mapping[str, Callable[[Path, Amendment], str]]] = {
    "withdraw": lambda _study, _line: "Decide anew what it took back",
    "edit_protocol": lambda _study, _line: "Edit protocol.yaml again, as far as nothing recorded was made with it",
    "move_study": lambda study, _line: (
        f"Say where they are by `closedloop move {quoted(study)} --images FOLDER --why TEXT`"
    ),
    "hold": lambda study, _line: f"`{command_line('closedloop', 'release', study)}{_REASON}` releases the study",
    "release": lambda study, _line: f"`{command_line('closedloop', 'hold', study)}{_REASON}` holds it again",
    "replace_recording": lambda study, line: (
        f"`{_of_session('replace-recording', study, line)} --from FOLDER` puts back the one that is kept, in the "
        "folder replaced of its day"
    ),
    "exclude": lambda study, line: f"`{command_of_things('include', study, things_in(line.after))}` takes it in again",
    "include": lambda study, line: (
        f"`{command_of_things('exclude', study, things_in(line.before))}` leaves it out again"
    ),
    "close_day": lambda study, line: f"`{_of_session('reopen-day', study, line)}` opens it again",
    "reopen_day": lambda study, line: f"`{_of_session('close-day', study, line)}` closes it again",
    "skip_day": lambda study, line: f"`{_of_day('unskip-day', study, line)}` has the day after all",
    "unskip_day": lambda study, line: f"`{_of_day('skip-day', study, line)}` skips the day again",
    "add_block": lambda study, line: f"`{_of_day('drop-block', study, line)}` goes on without the session",
    "drop_block": _dropped,
}
