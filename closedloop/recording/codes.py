"""Digital codes as the rig sent and a device received them, and edges of its photodiode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SentCodes:
    """Digital codes that the rig sent by its own journal, in order.

    Parameters
    ----------
    code
        Codes, shape (n_sent,). A counter may run past the recorder's largest code: they are compared modulo its size.
    time_s
        When each was sent on the rig's clock, seconds, shape (n_sent,), not decreasing within a launch.
    launch
        The run of the rig that sent it, shape (n_sent,), not decreasing; one run if None.
    lit
        Whether the photodiode's patch went white with it (an image's onset does, a trial's start does not), shape
        (n_sent,); all if None.
    perhaps
        Which codes may never have been sent, as the rig was killed at that moment, or never recorded, as the recorder
        was lost, shape (n_sent,); none if None. Where such a code is not in the recording, it is no lost one.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import SentCodes
    >>> sent = SentCodes(code=np.array([1, 2]), time_s=np.array([0.4, 0.6]))
    >>> sent.launch_ids.tolist(), sent.is_lit.tolist()
    ([0, 0], [True, True])
    """

    code: NDArray[np.int64]
    time_s: NDArray[np.float64]
    launch: NDArray[np.int64] | None = None
    lit: NDArray[np.bool_] | None = None
    perhaps: NDArray[np.bool_] | None = None

    @property
    def launch_ids(self) -> NDArray[np.int64]:
        """Launch of every code."""
        return np.zeros(len(self.code), np.int64) if self.launch is None else self.launch

    @property
    def is_uncertain(self) -> NDArray[np.bool_]:
        """Whether a code may never have been sent, or never recorded."""
        return np.zeros(len(self.code), bool) if self.perhaps is None else self.perhaps

    @property
    def is_lit(self) -> NDArray[np.bool_]:
        """Whether a photodiode onset is expected with every code."""
        return np.ones(len(self.code), bool) if self.lit is None else self.lit


@dataclass(frozen=True)
class ReceivedCodes:
    """What one device received, in its order: by clock segment (run of its clock), then by tick.

    `clock_segment`, `tick` and `value` have shape (n_received,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import ReceivedCodes
    >>> received = ReceivedCodes(np.array([0, 0]), tick=np.array([12_009, 18_010]), value=np.array([1, 2]))
    >>> (np.diff(received.tick) / received.tick_hz).round(3).tolist()  # seconds
    [0.2]
    """

    clock_segment: NDArray[np.integer]
    tick: NDArray[np.int64]
    value: NDArray[np.int64]
    tick_hz: float = 30_000.0


@dataclass(frozen=True)
class Edges:
    """Rising edges of a device's photodiode, by clock segment, then by tick; both shape (n_edges,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Edges
    >>> Edges(clock_segment=np.array([0, 0]), tick=np.array([12_370.2, 18_371.0])).tick.tolist()
    [12370.2, 18371.0]
    """

    clock_segment: NDArray[np.integer]
    tick: NDArray[np.float64]
