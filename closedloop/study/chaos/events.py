"""What can go wrong in a study, and drawing it by a seed.

The first two days meet only what leaves no trace in the data: they must end as the undisturbed ones, byte for byte.
Whatever changes data changes the model, and with it every day that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from closedloop.artifacts.records.chaos import CHAOS_KINDS, ChaosEvent, ChaosKind
from closedloop.errors import OptionError

LEAST_DAYS = 6  # of which each but the first two and the last may be damaged, and one of them is skipped
_N_KILLS = 3
_KILLED_IN = ("plan", "synthesize", "ingest", "refit", "evaluate")
_FILLED_IN = ("synthesize", "ingest")
_DEAD_ON, _SHORT_ON, _SKIPPED = 2, 3, 4
_FIRST_DAMAGED = 2


def draw_events(seed: int, *, n_days: int) -> tuple[ChaosEvent, ...]:
    """Draw what goes wrong: each kind once, a killed loop several times, by day.

    Parameters
    ----------
    seed
        Of the draw.
    n_days
        Days of the study.

    Raises
    ------
    OptionError
        The study is too short.
    """
    if n_days < LEAST_DAYS:
        raise OptionError(
            f"--chaos: expected a study of at least {LEAST_DAYS} days, found {n_days}. Give a longer protocol."
        )
    random = Random(f"chaos {seed}")
    shown = [day for day in range(n_days) if day != _SKIPPED]
    damaged = [day for day in shown if day >= _FIRST_DAMAGED]
    places: dict[ChaosKind, tuple[Sequence[int], Sequence[str], tuple[float, float]]] = {
        "killed_loop": (shown, _KILLED_IN, (0.1, 0.8)),
        "full_disk": (shown, _FILLED_IN, (0.2, 0.8)),
        "slow_copy": (shown[:-1], ("recording",), (0.2, 0.8)),
        "truncated_copy": (shown, ("recording",), (0.3, 0.9)),
        "killed_rig": (damaged, ("present",), (0.2, 0.8)),
        "lost_codes": (damaged, ("recording",), (0.005, 0.02)),
        "doubled_codes": (damaged, ("recording",), (0.005, 0.02)),
        "recorder_pause": (damaged, ("recording",), (0.04, 0.04)),
        "clock_reset": (damaged, ("recording",), (0.6, 0.6)),
        "dead_electrode": ((_DEAD_ON,), ("recording",), (0.0, 0.99)),
        "early_end": ((_SHORT_ON,), ("present",), (0.5, 0.9)),
        "skipped_day": ((_SKIPPED,), ("",), (1.0, 1.0)),
    }
    found = [
        _draw(random, kind, *places[kind])
        for kind in CHAOS_KINDS
        for _ in range(_N_KILLS if kind == "killed_loop" else 1)
    ]
    return tuple(sorted(found, key=lambda one: one.day))


def _draw(
    random: Random, kind: ChaosKind, days: Sequence[int], stages: Sequence[str], amounts: tuple[float, float]
) -> ChaosEvent:
    return ChaosEvent(
        kind=kind, day=random.choice(days), stage=random.choice(stages), amount=round(random.uniform(*amounts), 4)
    )
