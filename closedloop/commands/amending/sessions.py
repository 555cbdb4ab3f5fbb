"""`closedloop skip-day`, `add-block` and their way back: which sessions a study has, noted with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import ANCHORS, SHOWN, Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.noted import go_on
from closedloop.commands.days import count, refuse_other_days
from closedloop.plain_text.printed import command_line
from closedloop.storage import resolved
from closedloop.study.amending import sessions
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import waiter_of

SessionChange = Literal["skip-day", "unskip-day", "add-block", "drop-block"]


def change_sessions(
    study: Path,
    change: SessionChange,
    *,
    day: int,
    by: str | None,
    why: str,
    was_shown: bool = False,
    again: bool = False,
) -> str:
    """Append the amendment by which a study has another session, or one less.

    Parameters
    ----------
    study
        Study folder.
    change
        What is decided, as its command is called.
    day
        Whose session.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    was_shown
        Whether a session that falls out was shown, though nothing of it is in the study.
    again
        Whether a session is had again that was dropped.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        The study cannot have it so, or no reason is given.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    refuse_other_days(protocol, day)
    if change == "skip-day":
        noted = sessions.skip_day(paths, document, day=day, by=by, why=why, was_shown=was_shown)
    elif change == "unskip-day":
        noted = sessions.unskip_day(paths, document, protocol, day=day, by=by, why=why)
    elif change == "add-block":
        noted = sessions.add_block(paths, document, protocol, day=day, by=by, why=why, again=again)
    else:
        noted = sessions.drop_block(paths, document, day=day, by=by, why=why, was_shown=was_shown)
    if waiter := waiter_of(paths.root):
        next_line = f"The study goes on by itself: {waiter.name} waits on it."
    else:
        next_line = go_on(paths)
    said = f"{_said(paths, noted, n_days=protocol.days)}{_evolves_on(protocol, noted)}"
    return f"{said} Noted in {paths.amendments}. {next_line}"


def _evolves_on(protocol: Protocol, noted: Amendment) -> str:
    """Say what becomes of evolving images whose recording is lost."""
    if noted.after.get(SHOWN) != "yes" or not protocol.evolution.n_shown(noted.day or 0):
        return ""
    return " Its generation of evolving images teaches nothing and is not shown again: the next one is drawn."


def _said(paths: StudyPaths, noted: Amendment, *, n_days: int) -> str:
    block = Block(noted.day or 0, noted.block)
    is_followed = any(one > block for one in paths.sequence.blocks(n_days))
    unseen = "its images are offered to the next session" if is_followed else "none comes after it"
    anchors = (
        f" The day's anchors and controls are in session {noted.after[ANCHORS]}." if ANCHORS in noted.after else ""
    )
    images = "its images count as used" if noted.after.get(SHOWN) == "yes" else f"nobody saw it, and {unseen}"
    n_sessions = len(paths.sequence.of_day(block.day))
    back = command_line("closedloop", "drop-block", paths.root, "--day", str(block.day))
    said = {
        "skip_day": f"{block.said} is skipped: {images}.",
        "unskip_day": f"{block.said} is had after all.",
        "add_block": f"{block.said} comes after the one before, in {block.folder_name}: the day has "
        f"{count(n_sessions, 'session')} now. `{back} --why TEXT` takes it back.",
        "drop_block": f"{block.said} is dropped: {images}.{anchors}",
    }
    return said[noted.kind]
