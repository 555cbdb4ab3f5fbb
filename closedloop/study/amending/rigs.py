"""Another rig, or the same one described anew, showed a day's session: that is taken, and noted."""

from __future__ import annotations

from closedloop.artifacts.amended.rigs import RIG, RIG_SHA256, UNKNOWN
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.study.amending.decide import Decision, decide
from closedloop.study.amending.recorded import is_sealed


def note_another_rig(paths: StudyPaths, study: StudyDocument, *, day: int) -> str:
    """Note that a session came from another rig than the one before, as their journals say.

    Parameters
    ----------
    paths, study
        The study.
    day
        Whose session was taken over.

    Returns
    -------
    str
        What was noted, in a line; empty where the rig is the same.
    """
    session = paths.block(day)
    earlier = (one for one in reversed(paths.sequence.until(session)) if one < session)
    before = next((one for one in earlier if is_sealed(paths.at(one), "present", one.day)), None)
    if before is None:
        return ""
    was, now = _rig_of(paths.at(before), before.day), _rig_of(paths, day)
    if was == now or any(_is_noted(line, session, now) for line in standing(read_amendments(paths.amendments))):
        return ""
    decision = Decision("change_rig", day, (now[RIG],), was, now, session.number)
    why = f"the journal of {session.said} names another rig.yaml than that of {before.said}"
    decide(paths, study, by=None, why=why, decision=lambda _lines: decision)
    return (
        f"{session.said}: the session was shown by rig {now[RIG]}, of another rig.yaml than {before.said}'s; noted in "
        f"{paths.amendments}."
    )


def _rig_of(paths: StudyPaths, day: int) -> dict[str, str]:
    """Return the rig of a session's last launch."""
    last = JOURNAL.read(JOURNAL.published(paths, day)).launches[-1]
    return {RIG: last.rig or UNKNOWN, RIG_SHA256: last.rig_sha256 or UNKNOWN}


def _is_noted(line: Amendment, session: Block, now: dict[str, str]) -> bool:
    return line.kind == "change_rig" and (line.day, line.block) == session and line.after == now
