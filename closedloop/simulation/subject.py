"""The hidden subject of a simulated study: a function of the protocol's seed and the subject's name."""

from __future__ import annotations

from functools import lru_cache

from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument
from closedloop.simulation.cortex.electrodes import HEADROOM, CortexBiology
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.kinds import KINDS, CortexKind


def simulated_cortex(protocol: Protocol, study: StudyDocument) -> HiddenCortex:
    """Return the hidden cortex of a simulated study.

    Raises
    ------
    ValueError
        The study is real: it has a monkey.
    """
    if not study.simulated:
        raise ValueError("a real study has no simulated cortex")
    seed = derive_seed(protocol.seed, study.subject, "hidden cortex")
    simulation = protocol.simulation
    return _cortex(seed, simulation.n_electrodes, kind=KINDS[simulation.cortex], headroom=simulation.headroom)


@lru_cache(maxsize=1)
def _cortex(seed: int, n_electrodes: int, *, kind: CortexKind, headroom: bool) -> HiddenCortex:
    return HiddenCortex(seed, n_electrodes, HEADROOM if headroom else CortexBiology(), kind=kind)
