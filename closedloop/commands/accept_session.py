"""`closedloop accept-session`: take a session that is no data of an animal nevertheless, by name and with a reason."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.doubts import JOURNAL_KEY, doubts_of, refuse_rehearsal, taken_despite
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments, utc_now
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.days import refuse_other_blocks, refuse_other_days
from closedloop.errors import OptionError, StudyError
from closedloop.plain_text.printed import check_given_name, check_given_text, quoted
from closedloop.storage import resolved, sha256_file
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import study_lock


def accept_session(study: Path, *, day: int, despite: Sequence[str], why: str, who: str | None, block: int = 1) -> str:
    """Append the amendment that takes a day's session despite what its journal says.

    Parameters
    ----------
    study
        Study folder.
    day
        Whose session.
    despite
        Names of `closedloop.artifacts.day.doubts`, each found in the journal.
    why
        The reason.
    who
        The person; None: the name of the account.
    block
        Which of the day's sessions.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        The study is simulated, the session is not there or taken over already, or a name is not in its journal.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    if document.simulated:
        raise StudyError(f"{paths.root}: expected a study of an animal, found a simulated one. It needs no acceptance.")
    refuse_other_days(protocol, day)
    paths = refuse_other_blocks(paths, day, block)
    said, options = paths.block(day).said, f"--day {day}{block_option(paths.block(day))}"
    place = JOURNAL.published(paths, day)
    if (place.parent / MANIFEST_NAME).is_file():
        raise StudyError(
            f"{place.parent}: expected a session that waits to be taken over, found one that was. Nothing is left."
        )
    journal = JOURNAL.read(place)
    refuse_rehearsal(journal, place)
    found = doubts_of(journal)
    unknown = [name for name in despite if name not in found]
    if unknown or not despite:
        known = "one of " + ", ".join(found) if found else "none, for nothing stands against this session"
        raise StudyError(
            f"--despite: expected {known}, as {place} says, found {', '.join(unknown) or 'none'}. Correct it."
        )
    if not why.strip():
        raise OptionError("--why: expected a reason, found none. Say why the session counts as data.")
    check_given_text(why, option="--why", error=OptionError)
    if who is not None:
        check_given_name(who, option="--who", error=OptionError)
    with study_lock(paths.root):
        append_amendment(
            paths.amendments,
            Amendment(
                kind="accept_session",
                simulated=document.simulated,
                day=day,
                block=block,
                utc=utc_now(),
                who=who or getpass.getuser(),
                why=why.strip(),
                subject=tuple(dict.fromkeys(despite)),
                after={JOURNAL_KEY: sha256_file(place)},
            ),
        )
    although = "; ".join(words for name, words in found.items() if name in despite)
    taken = taken_despite(read_amendments(paths.amendments), block=paths.block(day), journal_sha256=sha256_file(place))
    left = [name for name in found if name not in taken]
    if left:
        more = " ".join(f"--despite {name}" for name in left)
        return (
            f"{said}: noted in {paths.amendments}. Still against it: {', '.join(left)}; to take the session, run "
            f"`closedloop accept-session {quoted(paths.root)} {options} {more} --why TEXT` too."
        )
    return (
        f"{said}: the session will be taken as data although {although}. Noted in {paths.amendments}. "
        f"Go on with `closedloop run {quoted(paths.root)}`."
    )
