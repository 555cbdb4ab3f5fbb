"""Stages that the next run makes again, as people and programs are told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.records.sequence import START, Block
from closedloop.artifacts.study import STAGES
from closedloop.plain_text.printed import command_line
from closedloop.study.ledger import StageRecord
from closedloop.study.process.state import NextStage

_MADE = ("plan", "synthesize", "schedule")  # of what a session shows


@dataclass(frozen=True)
class Outdated:
    """A published stage that the next run makes again; the study's start is of day -1.

    Attributes
    ----------
    why
        In a few words.
    block
        Which of the day's sessions.
    """

    day: int
    stage: str
    why: str
    block: int = 1

    @property
    def session(self) -> Block:
        """Of which session."""
        return Block(self.day, self.block)

    @property
    def place(self) -> str:
        """How a person is told of it."""
        return self.stage if self.session == START else f"{self.session.said} {self.stage}"


def made_again(outdated: Iterable[Outdated]) -> frozenset[Block]:
    """Return the sessions of which what is shown is made again: nobody is to show them as they are."""
    return frozenset(one.session for one in outdated if one.stage in _MADE)


def as_outdated(records: Iterable[StageRecord], outdated: Sequence[Outdated]) -> tuple[StageRecord, ...]:
    """Return the ledger's rows with those stale that the next run makes again: the ledger hears of them only then.

    A row that waits for a session which is made again is left out: it is to come.

    Parameters
    ----------
    records
        Of the ledger.
    outdated
        Which are.
    """
    why = {(one.day, one.block, one.stage): one.why for one in outdated}
    again = made_again(outdated)
    return tuple(
        replace(one, state="stale", error=why[one.day, one.block, one.stage])
        if one.state == "done" and (one.day, one.block, one.stage) in why
        else one
        for one in records
        if one.state != "waiting" or Block(one.day, one.block) not in again
    )


def by_session(outdated: Iterable[Outdated]) -> dict[Block, tuple[str, ...]]:
    """Return the stages that are made again by session, each with why: what pages are told."""
    found: dict[Block, tuple[str, ...]] = {}
    for one in outdated:
        found[one.session] = (*found.get(one.session, ()), f"{one.stage} ({one.why})")
    return found


def comes_first(published_next: NextStage | None, outdated: Sequence[Outdated]) -> NextStage | None:
    """Return the stage that the loop comes to first: one that is to be made again, or one that is not published.

    Parameters
    ----------
    published_next
        The first that is not published; None where all are.
    outdated
        In the loop's order.
    """
    again = [NextStage(one.day, one.stage, one.block) for one in outdated[:1]]
    return min((*again, *([published_next] if published_next else [])), key=_in_order, default=None)


def _in_order(one: NextStage) -> tuple[int, int, int]:
    return one.day, one.block, STAGES.index(one.stage) if one.stage in STAGES else -1


def said_of_outdated(study: Path, outdated: Sequence[Outdated]) -> str:
    """Return in a line what waits to be made again, and the command that does; empty where nothing does.

    Parameters
    ----------
    study
        The study's folder.
    outdated
        In the loop's order.
    """
    if not outdated:
        return ""
    are = "is" if len(outdated) == 1 else "are"
    what = f"{outdated[0].place}{f' and {len(outdated) - 1} more' if len(outdated) > 1 else ''}"
    return (
        f"decided since: {what} {are} still without it ({outdated[0].why}): "
        f"`{command_line('closedloop', 'run', study)}` makes what is outdated again"
    )
