"""The areas of the recurrent cortex: two areas that answer each other over a few time steps.

Nothing but the eye in front of it (`network`) is shared with the shipped cortex: no stack of layers but a loop, no
GELU and no GroupNorm but half-squaring and divisive normalisation (Heeger 1992; Carandini and Heeger 2012), which
saturates every cell. Feedback changes the gain of the first area (Reynolds and Heeger 2009). No member of an ensemble
looks like it, so that none is favoured.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_N_FIRST, _N_SECOND = 32, 64
_N_STEPS = 4
_LEAK = 0.5
"""Share of a time step's new answer in the second area's: it follows with a time constant of 1.4 steps."""

_POOL_PX = 5  # of an area's map: the neighbourhood whose cells divide each other


class RecurrentAreas(nn.Module):
    """Two areas: the second answers the first and its own neighbours, and sets the first one's gain."""

    def __init__(self) -> None:
        super().__init__()
        self.to_first = nn.Conv2d(3, _N_FIRST, 7, padding=3, stride=2)
        self.to_second = nn.Conv2d(_N_FIRST, _N_SECOND, 3, padding=1, stride=2)
        self.lateral = nn.Sequential(
            nn.Conv2d(_N_SECOND, _N_SECOND, 1, bias=False),
            nn.Conv2d(_N_SECOND, _N_SECOND, 5, padding=2, groups=_N_SECOND, bias=False),
        )
        self.feedback = nn.Conv2d(_N_SECOND, _N_FIRST, 1)
        self.first_constant = nn.Parameter(torch.ones(_N_FIRST, 1, 1))
        self.second_constant = nn.Parameter(torch.ones(_N_SECOND, 1, 1))

    def forward(self, seen: Tensor) -> Tensor:
        """Return the second area's answer after the last time step, (n, 64, 8, 8), to what the eye passes on.

        Parameters
        ----------
        seen
            Blurred images around 0, (n, 3, 32, 32).
        """
        drive = self.to_first(seen)
        second = normalize_divisively(self.to_second(self._first(drive)), constant=self.second_constant)
        for _ in range(_N_STEPS - 1):
            gain = 2 * torch.sigmoid(self.feedback(second))
            first = self._first(drive * functional.interpolate(gain, scale_factor=2, mode="nearest"))
            heard = self.to_second(first) + self.lateral(second)
            second = (1 - _LEAK) * second + _LEAK * normalize_divisively(heard, constant=self.second_constant)
        return second

    def _first(self, drive: Tensor) -> Tensor:
        return normalize_divisively(drive, constant=self.first_constant)


def normalize_divisively(drive: Tensor, *, constant: Tensor) -> Tensor:
    """Return half-squared drives, divided by the mean of all channels' in the neighbourhood.

    Parameters
    ----------
    drive
        (n, n_channels, height, width).
    constant
        At what pooled drive a cell has half of its highest answer, (n_channels, 1, 1); its sign does not matter.

    Returns
    -------
    Tensor
        Like `drive`, from 0 up.
    """
    energy = functional.relu(drive) ** 2
    pooled = functional.avg_pool2d(
        energy.mean(1, keepdim=True), _POOL_PX, stride=1, padding=_POOL_PX // 2, count_include_pad=False
    )
    return energy / (constant**2 + pooled)
