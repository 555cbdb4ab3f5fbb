"""How long a day's attacks will take, in a line, before they begin."""

from __future__ import annotations

from closedloop.artifacts.catalog import MODEL, PLANNED_ITEMS, PLANNED_PROBES
from closedloop.artifacts.day.population.kinds import POPULATION
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.protocol.arms.section import ARM
from closedloop.artifacts.protocol.attack import ATTACK_KINDS
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyPaths
from closedloop.execution.workers import Workers
from closedloop.plain_text.printed import in_words

_MINUTE_S = 60


def say_duration(paths: StudyPaths, protocol: Protocol, workers: Workers | None, *, day: int) -> str:
    """Return how many attacks a planned day has and about how long they take; nothing where it has none.

    Parameters
    ----------
    paths, protocol
        The study.
    workers
        Who computes them; None: this machine.
    day
        Which; its plan is published.
    """
    from closedloop.stages.from_protocol.attack import memory_for_batches  # noqa: PLC0415 - torch too
    from closedloop.stages.from_protocol.duration import duration_of  # noqa: PLC0415 - torch only where attacks are made

    kinds = PLANNED_ITEMS.read(PLANNED_ITEMS.published(paths, day))["kind"]
    n_attacks = sum(kind in (*ATTACK_KINDS, POPULATION, OBJECTIVE, ARM) for kind in kinds)
    n_raised = sum(kind == PREFERENCE for kind in kinds)
    planned = PLANNED_PROBES.published(paths, day)
    n_probes = len(PLANNED_PROBES.read(planned)["item_id"]) if planned.exists() else 0
    if not n_attacks + n_raised + n_probes:
        return ""
    with memory_for_batches(protocol.attack, paths.protocol):
        found = duration_of(
            protocol.attack,
            protocol.probes,
            n_attacks=n_attacks + (n_raised + 1) // 2,  # these are searched in one direction of two
            n_probes=n_probes,
            side_px=protocol.images.side_px,
            model=MODEL.published(paths, day),
            workers=workers,
        )
    elsewhere = workers is not None and workers.kind not in ("local", "dask")
    one = elsewhere or found.n_processes == 1
    where = "on one process of this machine" if one else f"on {found.n_processes} processes of this machine"
    probes = f" and {n_probes:,} probes" if n_probes else ""
    return (
        f"day {day}: {n_attacks + n_raised:,} attacks{probes}, at most {found.n_gradients:,} gradients of the model; a "
        f"few were timed: {range_in_words(found.least_s, found.most_s)} {where}, if it does little else."
    )


def range_in_words(least_s: float, most_s: float) -> str:
    """Return from when to when something is done; of what is soon done no more than that is known.

    Examples
    --------
    >>> range_in_words(1, 9), range_in_words(20, 130), range_in_words(590, 610)
    ('under a minute', 'about 20 s to 2 min', 'about 10 min')
    """
    if most_s < _MINUTE_S:
        return "under a minute"
    least, most = in_words(least_s), in_words(most_s)
    return f"about {least}" if least == most else f"about {least} to {most}"
