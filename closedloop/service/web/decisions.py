"""What a person decides on the page, as it arrives: JSON of a few words, checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import OptionError
from closedloop.plain_text.json_text import parse_json
from closedloop.service.control import Control

_MOST_BYTES = 16 << 10
_MOST_CHARACTERS = {"by": 100, "reason": 2000, "gate": 100}
_FIELDS = {"by": "your name", "reason": "the reason", "gate": "the gate"}  # as the page calls them
ACTIONS = ("approve", "hold", "release", "retry")


@dataclass(frozen=True)
class PostedDecision:
    """Who decided what, and why.

    Attributes
    ----------
    by, reason
        The person, and why.
    gate, session, found
        What is approved, and the words that the person read of it; empty and None otherwise.
    """

    by: str
    reason: str
    gate: str = ""
    session: Block | None = None
    found: str = ""


async def read_decision(request: Request, action: str) -> PostedDecision:
    """Read what was sent with an action.

    Raises
    ------
    OptionError
        It is not what the action needs.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise OptionError(f"{action}: expected application/json, found another content. Decide on the page itself.")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > _MOST_BYTES:
            raise OptionError(f"{action}: expected {_MOST_BYTES} bytes at most, found more. Say it shorter.")
    said = parse_json(bytes(content), place=action, error=OptionError, remedy="Decide on the page itself.")
    if not isinstance(said, dict):
        raise OptionError(f"{action}: expected names with values, found {said!r:.40}. Decide on the page itself.")
    if action != "approve":
        return PostedDecision(_words(said, "by", action), _words(said, "reason", action))
    day = _number(said, "day", "a day's number", action, least=0)
    block = _number({"block": 1} | said, "block", "a session's number", action, least=1)
    found = said.get("found")
    if not isinstance(found, str) or not found:
        raise OptionError(f"{action}: found: expected what the gate found, found {found!r:.40}. Load the page again.")
    by, reason, gate = (_words(said, name, action) for name in ("by", "reason", "gate"))
    return PostedDecision(by, reason, gate=gate, session=Block(day, block), found=found)


def _number(said: Mapping[str, object], name: str, what: str, action: str, *, least: int) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST_SESSIONS:
        raise OptionError(f"{action}: {name}: expected {what}, found {value!r:.40}. Decide on the page itself.")
    return value


def _words(said: dict[str, object], name: str, action: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value.strip():
        raise OptionError(f"{action}: {_FIELDS[name]}: expected words, found none. Fill it in.")
    words = " ".join(value.split())
    if len(words) > _MOST_CHARACTERS[name]:
        raise OptionError(
            f"{action}: {name}: expected {_MOST_CHARACTERS[name]} characters at most, found {len(words)}. "
            "Say it shorter."
        )
    return words


def act(control: Control, paths: StudyPaths, action: str, decision: PostedDecision) -> str:
    """Do what was decided; return the line that says so.

    Parameters
    ----------
    control
        Who does it.
    paths
        The study.
    action
        One of `ACTIONS`.
    decision
        What was sent with it.

    Raises
    ------
    ClosedLoopError
        It cannot be done.
    """
    if action == "approve":
        session = decision.session or FIRST
        said = {"by": decision.by, "reason": decision.reason}
        return control.approve(paths, session=session, gate=decision.gate, found=decision.found, **said)
    acts = {"hold": control.hold, "release": control.release, "retry": control.retry}
    return acts[action](paths, by=decision.by, reason=decision.reason)
