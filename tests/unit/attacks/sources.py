"""Models that any worker can load, small enough for tests, and some that end it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

SIDE = 8


class Curved(nn.Module):
    """Three sites, each a tanh of a linear filter plus an offset; counts the images it was shown."""

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weights", torch.randn(3 * side**2, 3, generator=generator) / side)
        self.images_shown = 0

    def forward(self, images: Tensor) -> Tensor:
        """Respond to images in [0, 1]."""
        self.images_shown += len(images)
        return torch.tanh((images - 0.5).flatten(1) @ self.get_buffer("weights") + 0.3)


@dataclass(frozen=True)
class CurvedSource:
    """The model, made anew in each process."""

    name: str = "curved"
    travels: bool = True

    def load(self, device: torch.device) -> nn.Module:
        """Make it."""
        return Curved().eval().to(device)


@dataclass(frozen=True)
class DeadlyOnce:
    """The same model; the first process to load it is killed, as for want of memory."""

    folder: Path
    name: str = "curved"
    travels: bool = True

    def load(self, device: torch.device) -> nn.Module:
        """Make it, or die."""
        try:
            (self.folder / "died").touch(exist_ok=False)
        except FileExistsError:
            return CurvedSource().load(device)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass(frozen=True)
class Waiting:
    """The same model; each process that loads it after the first waits until a file is there."""

    folder: Path
    name: str = "curved"
    travels: bool = True

    def load(self, device: torch.device) -> nn.Module:
        """Make it once the folder says so."""
        from tests.unit.execution.pieces import wait_for

        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            wait_for(self.folder / "go")
        return CurvedSource().load(device)
