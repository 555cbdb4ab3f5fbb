"""The hidden subject of a simulated study: a function of the protocol's seed and the subject's name."""

from __future__ import annotations

from functools import lru_cache

from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument
from closedloop.simulation.cortex.hidden import HiddenCortex


def simulated_cortex(protocol: Protocol, study: StudyDocument) -> HiddenCortex:
    """Return the hidden cortex of a simulated study.

    Raises
    ------
    ValueError
        The study is real: it has a monkey.
    """
    if not study.simulated:
        raise ValueError("a real study has no simulated cortex")
    return _cortex(derive_seed(protocol.seed, study.subject, "hidden cortex"), protocol.simulation.n_electrodes)


@lru_cache(maxsize=1)
def _cortex(seed: int, n_electrodes: int) -> HiddenCortex:
    return HiddenCortex(seed, n_electrodes)
