"""What people decided of a day that is planned, and of those it is planned from: told, and taken into account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from closedloop.artifacts import catalog
from closedloop.artifacts.amended import protocols
from closedloop.artifacts.amended.closing import closed_days
from closedloop.artifacts.amended.exclusions import Exclusion, exclusions, not_attacked, said
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.day.queue import NotShown
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.gates.held import held_before
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block, said_of_sessions
from closedloop.gates.context import GateContext
from closedloop.planning.design import DaySites
from closedloop.stages.plan import attacked_sites


@dataclass(frozen=True)
class ToldDecisions:
    """What a plan says of people's decisions.

    Attributes
    ----------
    amended
        In which numbers the day goes by another protocol than protocol.yaml, a line each.
    left_out
        What is neither expected nor concluded from, a line each.
    sessions
        Which sessions before were skipped, added or ended early, a line each.
    held
        What holds the session, a line each; how it is let go on is told by `closedloop status`.
    not_shown_before
        What the session before did not show, and what of it this day's images are; None where that is not known yet.
    """

    amended: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    not_shown_before: NotShown | None = None


NOTHING_DECIDED = ToldDecisions()


def sites_of_session(
    table: SiteTable | None, n_outputs: int, amendments: Sequence[Amendment], *, session: Block
) -> DaySites:
    """Return which of the model's outputs a session attacks, and which of them will count.

    Parameters
    ----------
    table
        Where sites were chosen; None before that.
    n_outputs
        Of the model.
    amendments
        The study's.
    session
        Which.
    """
    attacked = attacked_sites(table, n_outputs, not_attacked=not_attacked(amendments, session=session))
    out = [one for one in _of_evaluation(amendments) if one.thing in ("site", "array") and one.covers_session(session)]
    names = {site.site_index: site.neuroid_id for site in table.chosen()} if table is not None else {}
    counted = [site for site in attacked if site not in names or not any(one.covers_site(names[site]) for one in out)]
    return DaySites(attacked, frozenset(counted))


def told_of(
    context: GateContext, amendments: Sequence[Amendment], *, is_amended: bool, by_gates: bool = False
) -> ToldDecisions:
    """Return what a session's plan says of people's decisions.

    Parameters
    ----------
    context
        Of the session.
    amendments
        The study's.
    is_amended
        Whether it is planned by the study's own protocol, which amendments change.
    by_gates
        Whether gates hold the study.
    """
    session = context.block
    lines = [line for line in standing(amendments) if line.kind == "amend_protocol" and (line.day or 0) <= session.day]
    queue = context.read(catalog.QUEUE) if context.has(catalog.QUEUE) else None
    return ToldDecisions(
        amended=tuple(protocols.said(line) for line in lines) if is_amended else (),
        left_out=tuple(_exclusions(amendments, session)),
        sessions=tuple(_sessions(amendments, session)),
        held=tuple(one.line for one in held_before(context.paths, session.day, by_gates=by_gates)),
        not_shown_before=queue.not_shown if queue else None,
    )


def _of_evaluation(amendments: Sequence[Amendment]) -> list[Exclusion]:
    return [one for one in exclusions(amendments) if one.part == "evaluation"]


def _exclusions(amendments: Sequence[Amendment], session: Block) -> Iterator[str]:
    """Yield what of this session and of those before the evaluation leaves out."""
    spared = set(not_attacked(amendments, session=session))
    for one in _of_evaluation(amendments):
        if one.covers_session(session):
            if one.thing == "day":
                yield f"{said(one)}: it is left out of the evaluation; expected as if it counted"
            elif one.thing != "presentations":
                yield f"{said(one)}: {'not attacked' if one in spared else 'attacked, and not evaluated'}"
        elif one.is_known_by(session):
            yield f"{said(one)}: left out of the evaluation, nothing is concluded from it"


def _sessions(amendments: Sequence[Amendment], session: Block) -> Iterator[str]:
    """Yield which sessions before one were skipped, added or ended early."""
    told = said_of_sessions(standing(amendments))
    yield from (words for block, words in told.items() if block < session)
    yield from (one.said for one in closed_days(amendments) if one.session < session)
