"""How long an animal waits between the rounds of a day: what is computed from one session's end to the next's start.

By what the stages of a session before took, and by the counts that their work grows with; where there is none, by a few
gradients and steps that are timed (`timed_waits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from closedloop.artifacts.catalog import DAY_PLAN, FIT, SITES
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.objectives.stated import objective_images_of
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    attacked_per_day,
    fresh_images_of,
    presentations_of,
    raised_of,
)
from closedloop.artifacts.protocol.rounds import measures, protocol_of_session, rounds_of_day
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.plain_text.printed import in_words
from closedloop.stages.plan import attacked_sites

_AFTER = ("ingest", "refit", "evaluate")
_BEFORE = ("plan", "synthesize", "schedule")


@dataclass(frozen=True)
class SessionWork:
    """What a session gives the workstation to do.

    Attributes
    ----------
    n_presentations
        Shown.
    n_attacks
        Searched for.
    n_fitted
        Images that the model is fitted to after it, of all sessions so far.
    is_refitted
        Whether the model is fitted after it; not, where the protocol lets it wait for the day's last round.
    """

    n_presentations: int
    n_attacks: int
    n_fitted: int
    is_refitted: bool = True


@dataclass(frozen=True)
class MeasuredWork:
    """A session whose stages are published: its work, and how many seconds each stage took."""

    block: Block
    work: SessionWork
    seconds: Mapping[str, float]


def work_of_session(
    protocol: Protocol, block: Block, *, n_sites: int, n_fitted_before: int, is_measured: bool | None = None
) -> SessionWork:
    """Return what a session will give to do.

    Parameters
    ----------
    protocol
        Of its day.
    block
        Which.
    n_sites
        That are attacked.
    n_fitted_before
        Images that the model was fitted to before it.
    is_measured
        Whether anchors are in it; None: as the protocol has it.
    """
    own = protocol_of_session(protocol, day=block.day, number=block.number, is_measured=is_measured)
    own = own.model_copy(update={"sites": own.sites.model_copy(update={"n_sites": n_sites})})
    is_attacked, probes = block.day >= own.attack.first_day, own.probes
    n_fresh = own.attack.fresh_images_per_site * n_sites * len(own.attack.epsilons) if is_attacked else 0
    n_probes, n_held_out = (probes.per_day, probes.held_out) if block.day else (0, 0)
    single, n_raised = own.image_sensitivity, raised_of(own, block.day)
    n_never_fitted = single.images_of(block.day) + own.plane.planes_of(block.day)
    n_fitted = fresh_images_of(own, block.day) - n_never_fitted + n_fresh + n_probes + n_raised
    is_last = measures(protocol.rounds, day=block.day, number=block.number) if is_measured is None else is_measured
    n_repeated = single.attacks_of(block.day, epsilons=own.attack.epsilons, n_sites=n_sites)
    return SessionWork(
        presentations_of(own, block.day),
        (attacked_per_day(own) if is_attacked else 0)
        + own.population.n_made(block.day)
        + objective_images_of(own.objectives, block.day, n_sites=n_sites)
        + own.arms.n_made(block.day)
        + n_repeated
        + n_probes
        + n_held_out
        + n_raised,
        n_fitted_before + n_fitted,
        is_last or own.fit.in_rounds == "each",
    )


def wait_s(measured: MeasuredWork, shown: SessionWork, following: SessionWork) -> float:
    """Return how many seconds pass from the end of a session to the start of the next one.

    Parameters
    ----------
    measured
        By which it is reckoned.
    shown, following
        The session that was shown, and the next one.

    Examples
    --------
    >>> seconds = {"ingest": 10.0, "refit": 60.0, "evaluate": 10.0, "plan": 1.0, "synthesize": 100.0, "schedule": 1.0}
    >>> before = MeasuredWork(Block(1), SessionWork(1000, 500, 600), seconds)
    >>> wait_s(before, SessionWork(1000, 500, 1200), SessionWork(500, 250, 1500))
    191.0
    """
    then, took = measured.work, measured.seconds
    after = (took["ingest"] + took["evaluate"]) * _part(shown.n_presentations, then.n_presentations)
    after += took["refit"] * _part(shown.n_fitted, then.n_fitted) if shown.is_refitted else 0.0
    before = (took["plan"] + took["schedule"]) * _part(following.n_presentations, then.n_presentations)
    return after + before + took["synthesize"] * _part(following.n_attacks, then.n_attacks) + took.get("queue", 0.0)


def _part(now: int, then: int) -> float:
    return now / then if then else 1.0


def measured_work(paths: StudyPaths, *, until: Block) -> MeasuredWork | None:
    """Return the last session, up to one, that is evaluated; None before there is one.

    Parameters
    ----------
    paths
        The study.
    until
        The last that counts.

    Raises
    ------
    DocumentError
        A published file is damaged.
    """
    for block in reversed(paths.sequence.until(until)):
        at = paths.at(block)
        folders = {stage: at.folder(stage, block.day) for stage in (*_BEFORE, *_AFTER)}
        if all((folder / MANIFEST_NAME).is_file() for folder in folders.values()):
            queue = at.folder("queue", block.day)
            known = folders | ({"queue": queue} if (queue / MANIFEST_NAME).is_file() else {})
            plan = DAY_PLAN.read(DAY_PLAN.published(at, block.day))
            fit = FIT.read(FIT.left(at, block.day))
            work = SessionWork(plan.budget.n_presentations, plan.n_attacked, fit.n_stimuli)
            return MeasuredWork(block, work, {name: read_manifest(one).seconds for name, one in known.items()})
    return None


def waits_of_day(paths: StudyPaths, protocol: Protocol, *, day: int) -> tuple[dict[int, float], str]:
    """Return how long an animal waits after each session of a day but the last, and what that is reckoned by.

    Parameters
    ----------
    paths
        The study.
    protocol
        Of the day.
    day
        Which.

    Returns
    -------
    tuple[dict[int, float], str]
        Seconds by the session's number; in words, by which session. Nothing before one is evaluated.

    Raises
    ------
    DocumentError
        A published file is damaged.
    """
    sequence = paths.sequence
    blocks = sequence.of_day(day)
    measured = measured_work(paths, until=blocks[-1]) if len(blocks) > 1 else None
    if measured is None:
        return {}, ""
    first = paths.at(FIRST)
    n_sites = len(attacked_sites(SITES.read(SITES.published(first, FIRST.day)), protocol.sites.n_sites))
    n_fitted, works = measured.work.n_fitted, dict[Block, SessionWork]()
    works[measured.block] = measured.work
    for block in (one for one in sequence.until(blocks[-1]) if one > measured.block):
        works[block] = work_of_session(
            protocol, block, n_sites=n_sites, n_fitted_before=n_fitted, is_measured=sequence.measures(block)
        )
        n_fitted = works[block].n_fitted
    waits = {
        block.number: wait_s(measured, works[block], works[following])
        for block, following in pairwise(blocks)
        if block >= measured.block
    }
    return waits, f"by what {measured.block.said} took"


def say_wait(paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int) -> str:
    """Return how long the animal will wait after a session of rounds; nothing where none follows on its day.

    Parameters
    ----------
    paths
        The study, seen from the session.
    study, protocol
        Its identity; the protocol of the day.
    day
        Which.
    """
    if rounds_of_day(study.rounds, day) == 1:
        return ""
    block = paths.block(day)
    waits, by = waits_of_day(paths, protocol, day=day)
    if block.number not in waits:
        return ""
    following = min(one for one in paths.sequence.of_day(day) if one > block)
    return (
        f"{block.said}: after it the animal waits about {in_words(waits[block.number])} for session {following.number} "
        f"of the day (ingest, refit, evaluation, attacks), {by}."
    )


def timed_waits(protocol: Protocol, base_model: str, *, place: Path, day: int) -> tuple[dict[int, float], str]:
    """Return the same before anything is recorded: by a few gradients and steps on this machine, without ingest.

    Parameters
    ----------
    protocol
        The experiment.
    base_model
        As study.json names it.
    place
        Of the protocol, for messages.
    day
        Which; the days before it are taken to be whole.

    Raises
    ------
    CheckpointError
        The base model cannot be used.
    ProtocolError
        The protocol's batch does not fit into memory.
    """
    rounds = rounds_of_day(protocol.rounds, day)
    if rounds == 1:
        return {}, ""
    from closedloop.study.foresight.attack_time import time_session  # noqa: PLC0415 - torch only where it is asked

    n_sites, n_fitted, works = protocol.sites.n_sites, 0, dict[Block, SessionWork]()
    for block in (Block(one, number) for one in range(day + 1) for number in range(1, rounds_of_day(rounds, one) + 1)):
        works[block] = work_of_session(protocol, block, n_sites=n_sites, n_fitted_before=n_fitted)
        n_fitted = works[block].n_fitted
    timed = time_session(protocol, base_model, place=place)
    waits = {
        number: (timed.fit_s * works[Block(day, number)].n_fitted if works[Block(day, number)].is_refitted else 0.0)
        + timed.attack_s * works[Block(day, number + 1)].n_attacks
        for number in range(1, rounds)
    }
    return waits, "by a few gradients that were timed, without ingest and evaluation"
