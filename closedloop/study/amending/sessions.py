"""Which sessions a study has, as people decide: a day skipped, a second session on a day, and their way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import ANCHORS, FIRST, SHOWN, Block, BlockSequence, sequence_of
from closedloop.artifacts.study import BROUGHT, QUEUE_STAGE, StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import command_line
from closedloop.storage import remove_folder
from closedloop.study.amending.decide import Decision, decide
from closedloop.study.amending.recorded import is_sealed
from closedloop.study.completeness.looks import list_files
from closedloop.study.process.lock import study_lock

_NOT_HAD: Final = ("skip_day", "drop_block")


def skip_day(
    paths: StudyPaths, study: StudyDocument, *, day: int, by: str | None, why: str, was_shown: bool = False
) -> Amendment:
    """Go on without a day: the next one begins with its model, and with its images where nobody was shown them.

    Parameters
    ----------
    paths, study
        The study.
    day
        Which.
    by
        Who decides; None: the name of the account.
    why
        Why.
    was_shown
        Whether its session was shown, or some of it, though nothing of it is in the study: a journal there says so.

    Raises
    ------
    StudyError
        It is day 0, it was ingested, it has a second session, or it is skipped already.
    OptionError
        No reason is given, or a name that cannot be printed.
    """

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        sequence = sequence_of(standing(amendments), rounds=study.rounds)
        if day == FIRST.day:
            raise StudyError(
                f"{paths.root}: expected a day after day 0 to skip, found day 0: sites are chosen on it, and every "
                "later day reads them. Record it; where nothing was recorded yet, it is still to come."
            )
        if day in sequence.skipped:
            raise StudyError(f"{paths.root}: expected a day to skip, found day {day} skipped already. Nothing is left.")
        if others := [one for one in sequence.of_day(day)[1:] if one in sequence.added or _is_begun(paths, one)]:
            raise StudyError(
                f"{paths.root}: expected a day of one session to skip, found {others[-1].said}. Drop that one "
                f"before by `{_command('drop-block', paths, day)}`."
            )
        if is_sealed(paths, "ingest", day):
            raise StudyError(
                f"{paths.root}: expected a day to skip from which nothing was computed, found day {day} ingested. "
                f"Leave it out of what follows by `{_command('exclude', paths, day, '--from', 'both')}`."
            )
        _refuse_never_made(paths, day, was_shown=was_shown)
        shown = was_shown or _is_begun(paths, Block(day))
        return Decision(kind="skip_day", day=day, after={SHOWN: "yes" if shown else "no"})

    return decide(paths, study, by=by, why=why, decision=decision)


def unskip_day(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, by: str | None, why: str
) -> Amendment:
    """Have a skipped day after all: the study goes on from it as if nobody had skipped it.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day
        Which.
    by
        Who decides; None: the name of the account.
    why
        Why.

    Raises
    ------
    StudyError
        It is not skipped, or a later session was shown.
    OptionError
        No reason is given, or a name that cannot be printed.
    """

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        sequence = sequence_of(standing(amendments), rounds=study.rounds)
        if day not in sequence.skipped:
            skipped = ", ".join(map(str, sorted(sequence.skipped)))
            known = f"Skipped: {skipped}" if skipped else "No day is skipped"
            raise StudyError(f"{paths.root}: expected a day that is skipped, found day {day}, which is not. {known}.")
        found = f"day {day} cannot come before it any more"
        _refuse_shown_later(paths, study, protocol, amendments, block=Block(day), found=found)
        was_lost = Block(day) in sequence.lost
        return Decision(kind="unskip_day", day=day, before={SHOWN: "yes" if was_lost else "no"})

    return _decide_on_lost(paths, study, Block(day), by=by, why=why, decision=decision)


def add_block(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    day: int,
    by: str | None,
    why: str,
    again: bool = False,
) -> Amendment:
    """Have one more session on a day, after those that it has.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day
        Which.
    by
        Who decides; None: the name of the account.
    why
        Why.
    again
        Whether it is the day's last session that was dropped after it had been shown: its recording was found.

    Raises
    ------
    StudyError
        The day is skipped, a later session was shown, or there is no session to have again.
    OptionError
        No reason is given, or a name that cannot be printed.
    """

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        sequence = sequence_of(standing(amendments), rounds=study.rounds)
        if day in sequence.skipped:
            raise StudyError(
                f"{paths.root}: expected a day with a session, found day {day} skipped. Have it after all by "
                f"`{_command('unskip-day', paths, day)}`."
            )
        last = max(one for one in (*sequence.of_day(day), *sequence.lost) if one.day == day)
        if again and last not in sequence.lost:
            raise StudyError(
                f"--again: expected a session that was shown and dropped, found {last.said}. Leave it out."
            )
        block = last if again else Block(day, last.number + 1)
        _refuse_shown_later(paths, study, protocol, amendments, block=block, found=f"day {day} is over")
        taken_back = _to_give_back(paths, sequence, block)
        return Decision(kind="add_block", day=day, block=block.number, before=taken_back)

    known = paths.sequence.lost
    lost = max((one for one in known if one.day == day), default=Block(day)) if again else Block(day)
    return _decide_on_lost(paths, study, lost, by=by, why=why, decision=decision)


def drop_block(
    paths: StudyPaths, study: StudyDocument, *, day: int, by: str | None, why: str, was_shown: bool = False
) -> Amendment:
    """Go on without a day's last session, if it has more than one; its images are offered again unless it was shown.

    Parameters
    ----------
    paths, study
        The study.
    day
        Which.
    by
        Who decides; None: the name of the account.
    why
        Why.
    was_shown
        Whether it was shown, or some of it, though nothing of it is in the study: a journal there says so.

    Raises
    ------
    StudyError
        The day has one session, or the last one was ingested.
    OptionError
        No reason is given, or a name that cannot be printed.
    """

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        sequence = sequence_of(standing(amendments), rounds=study.rounds)
        blocks = sequence.of_day(day)
        if not blocks or blocks[-1].number == 1:
            raise StudyError(
                f"{paths.root}: expected a day with a second session, found day {day} {_with_one(paths, day, blocks)}"
            )
        block = blocks[-1]
        at = paths.at(block)
        if is_sealed(at, "ingest", day):
            raise StudyError(
                f"{at.day(day).root}: expected a session from which nothing was computed, found {block.said} ingested. "
                f"Leave the day out of what follows by `{_command('exclude', paths, day, '--from', 'both')}`."
            )
        _refuse_never_made(at, day, was_shown=was_shown)
        shown = was_shown or _is_begun(paths, block)
        taken_over = {} if shown else _to_take_over(paths, sequence, block)
        return Decision(
            kind="drop_block", day=day, block=block.number, after={SHOWN: "yes" if shown else "no"} | taken_over
        )

    return decide(paths, study, by=by, why=why, decision=decision)


def _to_take_over(paths: StudyPaths, sequence: BlockSequence, dropped: Block) -> dict[str, str]:
    """Return the session that shows a day's anchors in the place of a round that is dropped: the one before, unseen.

    Nothing where that one was shown already, or shows them anyway.
    """
    before = Block(dropped.day, dropped.number - 1)
    if not sequence.measures(dropped) or sequence.measures(before) or _is_begun(paths, before):
        return {}
    return {ANCHORS: str(before.number)}


def _to_give_back(paths: StudyPaths, sequence: BlockSequence, had_again: Block) -> dict[str, str]:
    """Return the session that need not show a day's anchors, for the round after it is had after all."""
    before = Block(had_again.day, had_again.number - 1)
    if before not in sequence.taking_over or _is_begun(paths, before):
        return {}
    return {ANCHORS: str(before.number)}


def _decide_on_lost(
    paths: StudyPaths,
    study: StudyDocument,
    block: Block,
    *,
    by: str | None,
    why: str,
    decision: Callable[[tuple[Amendment, ...]], Decision],
) -> Amendment:
    """Note that a session is had after all; images that were chosen while it was lost are chosen again after it."""
    if block not in paths.sequence.lost:
        return decide(paths, study, by=by, why=why, decision=decision)
    with study_lock(paths.root):  # nobody reads them meanwhile
        noted = decide(paths, study, by=by, why=why, decision=decision)
        remove_folder(paths.at(block).folder(QUEUE_STAGE, block.day))
    return noted


def _with_one(paths: StudyPaths, day: int, blocks: tuple[Block, ...]) -> str:
    """Say what a day without a second session is, and what there is to do instead."""
    if not blocks:
        return "skipped. Nothing is left to drop."
    if day == FIRST.day:
        return "with one. Day 0 cannot be skipped: sites are chosen on it."
    if is_sealed(paths, "ingest", day):
        out = _command("exclude", paths, day, "--from", "both")
        return f"with one, which is ingested. Leave it out of what follows by `{out}`."
    return f"with one. Skip the day by `{_command('skip-day', paths, day)}`."


def _command(name: str, paths: StudyPaths, day: int, *options: str) -> str:
    return command_line("closedloop", name, paths.root, "--day", str(day), *options) + " --why TEXT"


def _refuse_never_made(at: StudyPaths, day: int, *, was_shown: bool) -> None:
    if was_shown and not is_sealed(at, "schedule", day):
        raise StudyError(
            f"{at.folder('schedule', day)}: expected a session that can have been shown, found none. Leave out "
            "--was-shown."
        )


def refuse_shown_though_skipped(paths: StudyPaths, *, before: Block) -> None:
    """Stop where a session that nobody had seen when it was skipped or dropped was shown since: its images come again.

    Parameters
    ----------
    paths
        The study.
    before
        The session that is to be made or shown next.

    Raises
    ------
    StudyError
        One was.
    """
    lines, sequence = standing(read_amendments(paths.amendments)), paths.sequence
    decided = {Block(one.day, one.block) for one in lines if one.day is not None and one.kind in _NOT_HAD}
    for block in sorted(one for one in decided if one < before):
        if block in sequence.of_day(block.day) or block in sequence.lost or not _is_begun(paths, block):
            continue
        said, command = ("skipped", "unskip-day") if block.number == 1 else ("dropped", "add-block")
        had, again = f"`{_command(command, paths, block.day)}`", "the day" if block.number == 1 else "the session"
        way = (
            f"Have {again} after all by {had}; where its recording is lost, have it {said} again after that: its "
            "images then count as used."
        )
        if any(one > block and _is_begun(paths, one) for one in sequence.with_lost(before.day + 1)):
            way = (
                "A later session was shown since, and nothing recorded is made again: move the files out of the study."
            )
        raise StudyError(
            f"{paths.at(block).day(block.day).root}: expected nothing shown on {block.said}, which was {said} as not "
            f"shown, found what the rig or the recorder left. {way}"
        )


def _refuse_shown_later(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    amendments: tuple[Amendment, ...],
    *,
    block: Block,
    found: str,
) -> None:
    """Refuse to put a session into a past that was recorded without it."""
    for later in sequence_of(standing(amendments), rounds=study.rounds).with_lost(protocol.days):
        if later > block and _is_begun(paths, later):
            raise StudyError(
                f"{paths.at(later).folder('present', later.day)}: expected no session after {block.said}, found that "
                f"{later.said} was shown: {found}. Nothing that was recorded is made again."
            )


def _is_begun(paths: StudyPaths, block: Block) -> bool:
    """Return whether somebody may have seen a session: a journal says so, or anything that was brought."""
    at, day = paths.at(block), block.day
    return is_shown(at, day) or any(list_files(at.folder(stage, day)) for stage in BROUGHT)
