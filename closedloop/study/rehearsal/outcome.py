"""How long a rehearsed day took, stage by stage, and what a whole one will take by the counts that work grows with."""

from __future__ import annotations

from collections.abc import Iterator

from closedloop.artifacts.protocol.objectives.stated import objective_images_of
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    attacked_per_day,
    controls_per_day,
    presentations_per_day,
    session_hours,
)
from closedloop.artifacts.records.rehearsal import RehearsedStage
from closedloop.artifacts.study import STAGES, StudyPaths
from closedloop.study.rehearsal.inspection import folders_of

_S_PER_HOUR = 3_600
_BEFORE = ("plan", "synthesize", "schedule")
_AFTER = ("ingest", "refit", "evaluate", "queue")


def stage_times(copy: StudyPaths, rehearsed: Protocol, whole: Protocol) -> tuple[RehearsedStage, ...]:
    """Return how long each stage took, and at most about how long it takes on a whole day of the study.

    All of a stage's time is taken to grow with its work, what it costs to begin too: a bound from above. The session
    takes what the protocol's trials take; the recording as long.

    Parameters
    ----------
    copy
        The copy.
    rehearsed, whole
        Its protocol, and the study's.
    """
    return tuple(_stages(copy, rehearsed, whole))


def _stages(copy: StudyPaths, rehearsed: Protocol, whole: Protocol) -> Iterator[RehearsedStage]:
    grows = _growth(rehearsed, whole)
    for day, stage, seconds in folders_of(copy, STAGES, days=rehearsed.days):
        if stage == "present":
            yield _stage(day, stage, seconds, session_hours(whole) * _S_PER_HOUR)
        else:
            yield _stage(day, stage, seconds, seconds * grows[stage] if stage in grows else None)


def _stage(day: int, stage: str, seconds: float, whole: float | None) -> RehearsedStage:
    return RehearsedStage(day=day, stage=stage, seconds=seconds, whole_day_seconds=whole)


def _growth(rehearsed: Protocol, whole: Protocol) -> dict[str, float]:
    """Return how many times as much each stage has to do on a whole day."""
    attacks = attacked_per_day(whole) / max(attacked_per_day(rehearsed), 1)
    images = _n_images(whole) / _n_images(rehearsed)
    return {
        "plan": images,
        "synthesize": attacks * whole.attack.steps / rehearsed.attack.steps,
        "schedule": images,
        "ingest": presentations_per_day(whole) / presentations_per_day(rehearsed),
        "refit": images,
        "evaluate": attacks,
        "queue": 1.0,
    }


def _n_images(protocol: Protocol) -> int:
    images = protocol.images
    clean = images.clean_per_day + images.anchors + images.normalizers
    made = attacked_per_day(protocol) + controls_per_day(protocol) + protocol.probes.n_made
    made += objective_images_of(protocol.objectives, protocol.days - 1, n_sites=protocol.sites.n_sites)
    return clean + made + protocol.population.n_shown(protocol.days - 1)


def whole_day(stages: tuple[RehearsedStage, ...]) -> tuple[float, float, float]:
    """Return at most how many seconds a whole day's preparation, session and evaluation take, the slowest day's."""

    def longest(names: tuple[str, ...]) -> float:
        days = {one.day for one in stages}
        return max(
            sum(one.whole_day_seconds or 0 for one in stages if one.stage in names and one.day == day) for day in days
        )

    return longest(_BEFORE), longest(("present",)), longest(_AFTER)
