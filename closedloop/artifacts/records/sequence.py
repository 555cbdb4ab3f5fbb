"""Which sessions a study has, in order: a day's blocks, without days that were skipped; and what is before what.

A day has one block, or as many as its protocol cuts it into rounds, unless people decided otherwise. Model and images
are handed on from block to block: the order here is the one place that says which is before which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from closedloop.artifacts.protocol.numbers import MOST_ROUNDS
from closedloop.artifacts.protocol.rounds import measures, rounds_of_day
from closedloop.artifacts.records.amendments import Amendment, read_amendments, whole_amendments
from closedloop.artifacts.records.standing import standing
from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.json_text import read_json

STUDY_NAME, AMENDMENTS_NAME = "study.json", "amendments.jsonl"
"""The study's files that say which sessions there are."""

ROUNDS_KEY = "rounds"
"""Under this name study.json keeps how many sessions its protocol cuts a day into; it is left out where that is one."""

SHOWN = "shown"
"""Under this name a skipped day, or a dropped block, keeps whether its session was shown: `yes` or `no`."""

ANCHORS = "anchors_in_session"
"""Under this name a dropped round keeps which session of its day shows the day's anchors in its place, if one does."""


class Block(NamedTuple):
    """One session: a recording day, and which of the day's sessions, from 1. The study's start is of day -1."""

    day: int
    number: int = 1

    @property
    def folder_name(self) -> str:
        """Its folder in the study, and its name for people: day-03, and day-03.2 of a second session."""
        return f"day-{self.day:02d}{self._suffix}"

    @property
    def seed_name(self) -> int | str:
        """What stands for it where seeds are named: the day alone, as long as it is the day's first."""
        return self.day if self.number == 1 else f"{self.day}{self._suffix}"

    @property
    def said(self) -> str:
        """What it is called in a line."""
        return f"day {self.day}" if self.number == 1 else f"day {self.day}, session {self.number}"

    @property
    def _suffix(self) -> str:
        return "" if self.number == 1 else f".{self.number}"


_FOLDER = re.compile(r"day-(?P<day>[0-9]{2,6})(\.(?P<number>[2-9]|[1-9][0-9]{1,3}))?")

START = Block(-1)
"""What is before a study's first session."""

FIRST = Block(0)
"""A study's first session, in which sites are chosen."""
_QUEUE = "queue"  # the stage


@dataclass(frozen=True)
class BlockSequence:
    """The sessions of a study.

    Attributes
    ----------
    skipped
        Days without a session.
    lost
        Sessions that were shown and whose recording is lost: nothing is computed from them, and their images count as
        used.
    added
        Second and further sessions of days, as people decided.
    dropped
        Rounds that people decided not to have.
    rounds
        Sessions that the protocol cuts a day after day 0 into.
    taking_over
        Rounds that show their day's anchors in the place of the last one, which people dropped before.
    """

    skipped: frozenset[int] = frozenset()
    lost: frozenset[Block] = frozenset()
    added: frozenset[Block] = frozenset()
    dropped: frozenset[Block] = frozenset()
    rounds: int = 1
    taking_over: frozenset[Block] = frozenset()

    def measures(self, block: Block) -> bool:
        """Return whether a session shows anchors, the attacks on them and controls: of a day of rounds the last one."""
        return measures(self.rounds, day=block.day, number=block.number) or block in self.taking_over

    def of_day(self, day: int) -> tuple[Block, ...]:
        """Return a day's blocks, in order; none where it was skipped."""
        if day in self.skipped:
            return ()
        rounds = {Block(day, number) for number in range(1, rounds_of_day(self.rounds, day) + 1)}
        return tuple(sorted((rounds - self.dropped) | {block for block in self.added if block.day == day}))

    def blocks(self, n_days: int) -> tuple[Block, ...]:
        """Return the blocks of the first days, in order."""
        return tuple(block for day in range(n_days) for block in self.of_day(day))

    def with_lost(self, n_days: int) -> tuple[Block, ...]:
        """Return the blocks of the first days with those that are lost, in order."""
        return tuple(sorted({*self.blocks(n_days), *(block for block in self.lost if block.day < n_days)}))

    def due(self, n_days: int, stages: Sequence[str]) -> Iterator[tuple[Block, str]]:
        """Yield what there is to do in the first days, in order; the queue chooses the images of the next session.

        Of a lost session only that is done: the next one is to show other images. Nobody wants it of the last session.

        Parameters
        ----------
        n_days
            How many days.
        stages
            A day's stages, in order.
        """
        last = max(self.blocks(n_days), default=START)
        for block in self.with_lost(n_days):
            of_it = [stage for stage in stages if stage == _QUEUE or block not in self.lost]
            yield from ((block, stage) for stage in of_it if stage != _QUEUE or block < last)

    def until(self, block: Block) -> tuple[Block, ...]:
        """Return the blocks up to one, itself included."""
        return tuple(one for one in self.blocks(block.day + 1) if one <= block)

    def before(self, block: Block) -> Block:
        """Return the block before one: its model is the one to begin with. The start, where there is none."""
        return max((one for one in self.blocks(block.day + 1) if one < block), default=START)

    def of_day_before(self, block: Block) -> tuple[Block, ...]:
        """Return the sessions of the last day before a block's that has any, in order; none before the first."""
        earlier = self.blocks(max(block.day, 0))
        return tuple(one for one in earlier if one.day == earlier[-1].day)

    def before_in_images(self, block: Block) -> Block:
        """Return the block that chose a block's images: the one before, also where its recording is lost."""
        return max((one for one in self.with_lost(block.day + 1) if one < block), default=START)

    def shows_images_of(self, block: Block) -> Block:
        """Return the session that shows the images which a block chose, whether or not the study has as many days."""
        day = max(block.day, 0)
        while not (later := [one for one in self.with_lost(day + 1) if one > block]):
            day += 1
        return min(later)

    def after(self, block: Block, n_days: int) -> Block | None:
        """Return the block after one; None where it is the last.

        Parameters
        ----------
        block
            Which.
        n_days
            How many days the study has.
        """
        return min((one for one in self.blocks(n_days) if one > block), default=None)


def block_option(block: Block) -> str:
    """Return what names a day's session in a command after its day; nothing for the first."""
    return "" if block.number == 1 else f" --block {block.number}"


def block_of_folder(name: str) -> Block | None:
    """Return the session that a folder of a study is of, by its name; None where it is of none."""
    found = _FOLDER.fullmatch(name)
    return Block(int(found["day"]), int(found["number"] or 1)) if found else None


def sequence_of(amendments: Iterable[Amendment], *, rounds: int) -> BlockSequence:
    """Return a study's sessions, from its rounds and from what people decided.

    Parameters
    ----------
    amendments
        Lines that are in force, in order.
    rounds
        Sessions that the protocol cuts a day into, as study.json says.
    """
    skipped, lost, added, dropped = set[int](), set[Block](), set[Block](), set[Block]()
    taking_over = set[Block]()
    for one in amendments:
        if one.day is None:
            continue
        block = Block(one.day, one.block)
        if one.kind == "skip_day":
            skipped.add(one.day)
        elif one.kind == "unskip_day":
            skipped.discard(one.day)
            lost.discard(block)
        elif one.kind == "add_block":
            (dropped.discard if block in dropped else added.add)(block)
            lost.discard(block)
        elif one.kind == "drop_block":
            (added.discard if block in added else dropped.add)(block)
        if one.kind == "drop_block" and ANCHORS in one.after:
            taking_over.add(Block(one.day, int(one.after[ANCHORS])))
        elif one.kind == "add_block" and ANCHORS in one.before:
            taking_over.discard(Block(one.day, int(one.before[ANCHORS])))
        if one.kind in ("skip_day", "drop_block") and one.after.get(SHOWN) == "yes":
            lost.add(block)
    return BlockSequence(
        frozenset(skipped), frozenset(lost), frozenset(added), frozenset(dropped), rounds, frozenset(taking_over)
    )


def said_of_sessions(amendments: Iterable[Amendment]) -> dict[Block, str]:
    """Return what people are told of each session that is skipped, dropped or added, in order: all places say the same.

    Parameters
    ----------
    amendments
        Lines that are in force, in order.
    """
    lines = tuple(amendments)
    sequence, said = sequence_of(lines, rounds=1), dict[Block, str]()  # what is said is of what people decided
    for one in lines:
        if one.day is None or one.kind not in ("skip_day", "add_block", "drop_block"):
            continue
        block = Block(one.day, one.block)
        by = f"by {one.who} on {one.utc[:10]}: {one.why}"
        if block in sequence.added:
            if one.kind == "add_block":
                said[block] = f"{block.said}: added {by}"
        elif one.kind != "add_block" and (block.number > 1 or block.day in sequence.skipped):
            images = "its session was shown, its images count as used" if block in sequence.lost else "it was not shown"
            said[block] = f"{block.said}: {'skipped' if block.number == 1 else 'dropped'} {by} ({images})"
        else:
            said.pop(block, None)
    return dict(sorted(said.items()))


def readable_sequence(root: Path) -> BlockSequence:
    """Read a study's sessions from the lines that are whole: for who looks on, beside what is wrong with the others.

    Parameters
    ----------
    root
        The study's folder.
    """
    try:
        rounds = _read_rounds(root)
    except ClosedLoopError:  # who reads study.json says so
        rounds = 1
    return sequence_of(standing(whole_amendments(root / AMENDMENTS_NAME)), rounds=rounds)


def read_sequence(root: Path) -> BlockSequence:
    """Read a study's sessions from its study.json and its amendments.jsonl.

    Parameters
    ----------
    root
        The study's folder.

    Raises
    ------
    DocumentError
        A line is no amendment, or was lost, doubled, moved or edited; or study.json is damaged.
    """
    return sequence_of(standing(read_amendments(root / AMENDMENTS_NAME)), rounds=_read_rounds(root))


def _read_rounds(root: Path) -> int:
    """Read from study.json into how many sessions a day is cut; its other fields are not looked at."""
    path = root / STUDY_NAME
    if not path.is_file():
        return 1
    content = read_json(path, missing="expected the study's identity, found none. Restore it from a copy.")
    rounds = content.get(ROUNDS_KEY, 1) if isinstance(content, dict) else None
    if type(rounds) is not int or not 1 <= rounds <= MOST_ROUNDS:
        raise DocumentError(
            f"{path}: expected a document with {ROUNDS_KEY}, a number from 1 to {MOST_ROUNDS}, found {rounds!r:.40}. "
            "Restore it from a copy."
        )
    return rounds
