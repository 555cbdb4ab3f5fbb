"""What of people's decisions decides a stage's result, as text: part of what makes it stale.

A row of `study.table` names the decisions that its stage depends on. Where nothing is decided that concerns the day,
there is nothing to hash: a study without decisions, or with all of them taken back, has the hashes it always had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from closedloop.artifacts.amended.closing import closed_as_text, closed_until
from closedloop.artifacts.amended.exclusions import as_text, left_out, not_attacked
from closedloop.artifacts.amended.images import additions_as_text
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block, sequence_of
from closedloop.artifacts.records.standing import standing

DecisionName = Literal[
    "left_out_of_fit",
    "left_out_of_evaluation",
    "not_attacked",
    "closed",
    "closed_until",
    "images_added",
    "anchors_taken_over",
]

_Says = Callable[[Sequence[Amendment], Block, int], str]


def _left_out_of_fit(amendments: Sequence[Amendment], session: Block, _rounds: int) -> str:
    return as_text(left_out(amendments, "fit", until=session))


def _left_out_of_evaluation(amendments: Sequence[Amendment], session: Block, _rounds: int) -> str:
    known = left_out(amendments, "evaluation", until=session)
    return as_text(one for one in known if one.covers(session.day))


def _not_attacked(amendments: Sequence[Amendment], session: Block, _rounds: int) -> str:
    return as_text(not_attacked(amendments, session=session))


def _images_added(amendments: Sequence[Amendment], session: Block, rounds: int) -> str:
    shows = sequence_of(standing(amendments), rounds=rounds).shows_images_of(session)
    return additions_as_text(amendments, day=shows.day)


def _anchors_taken_over(amendments: Sequence[Amendment], session: Block, rounds: int) -> str:
    return "yes" if session in sequence_of(standing(amendments), rounds=rounds).taking_over else ""


_DECISIONS: Mapping[DecisionName, _Says] = {
    "left_out_of_fit": _left_out_of_fit,
    "left_out_of_evaluation": _left_out_of_evaluation,
    "not_attacked": _not_attacked,
    "closed": lambda amendments, session, _rounds: closed_as_text(amendments, session),
    "closed_until": lambda amendments, session, _rounds: closed_until(amendments, session),
    "images_added": _images_added,
    "anchors_taken_over": _anchors_taken_over,
}

SAID: Mapping[str, str] = {
    "left_out_of_fit": "what is left out of the fit",
    "left_out_of_evaluation": "what is left out of the evaluation",
    "not_attacked": "the sites that are attacked no longer",
    "closed": "whether the day was closed before its end",
    "closed_until": "which days were closed before their end",
    "images_added": "which images were added",
    "anchors_taken_over": "whether the day's anchors are in this round, for the last one was dropped",
}
"""What a person is told changed, by the decision's name."""


def decided(
    amendments: Sequence[Amendment], names: Iterable[DecisionName], *, session: Block, rounds: int = 1
) -> dict[str, str]:
    """Return what people decided of a stage of a session, by the decision's name; nothing where nothing was.

    Parameters
    ----------
    amendments
        The study's.
    names
        Decisions that the stage depends on.
    session
        Of the stage.
    rounds
        Sessions that the protocol cuts a day into.
    """
    told = {name: _DECISIONS[name](amendments, session, rounds) for name in names}
    return {name: text for name, text in told.items() if text}
