"""On what the parts compute: a ResNet-50 at 224 px on a CUDA device, or a small network on the processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import BaseModel, SiteModel, build_site_model, freeze_for_attack

N_SITES = 21
PROCESSOR = torch.device("cpu")
SMALL_SIDE = 32


@dataclass(frozen=True)
class Setting:
    """Where the parts compute, and how much.

    Attributes
    ----------
    name
        "cuda" or "cpu".
    tiny
        Whether this only shows that the parts run: a small network and a hundredth of the work.
    """

    name: str
    tiny: bool

    @property
    def device(self) -> torch.device:
        """The device of the parts that use one."""
        return torch.device(self.name, 0) if self.name == "cuda" else PROCESSOR

    @property
    def side_px(self) -> int:
        """Side of the images."""
        return SMALL_SIDE if self.tiny else 224

    @property
    def network(self) -> str:
        """What is attacked and fitted."""
        return "small ResNet, 32 px" if self.tiny else "ResNet-50 to layer4.0, 224 px"

    def site_model(self) -> SiteModel:
        """Return a site model on the processor; random weights cost what trained ones cost."""
        if self.tiny:
            base = open_base_model("small_resnet_robust", layer="layer3.0")
        else:
            base = BaseModel("resnet50", "layer4.0", cut(build_classifier("resnet50", seed=3), "layer4.0"))
        return build_site_model(base, n_sites=N_SITES, side_px=self.side_px, seed=0)

    @cached_property
    def frozen(self) -> torch.nn.Module:
        """The site model as attacks take it, on the processor."""
        return freeze_for_attack(self.site_model())

    def pixels(self, n: int, *, side_px: int | None = None) -> NDArray[np.uint8]:
        """Return smooth images, uint8, (n, side, side, 3).

        Parameters
        ----------
        n
            How many.
        side_px
            Their side; that of the network by default.
        """
        side = side_px or self.side_px
        coarse = np.random.default_rng(5).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
        return np.repeat(np.repeat(coarse, side // 8, axis=1), side // 8, axis=2)


@dataclass
class Budget:
    """Seconds that a part may take.

    Attributes
    ----------
    seconds
        In all.
    """

    seconds: float
    _began_s: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        """Seconds that are left; negative once it is overdrawn."""
        return self.seconds - (time.monotonic() - self._began_s)


@dataclass(frozen=True)
class Found:
    """What a part measured.

    Attributes
    ----------
    rows
        What, and its figure, as people read them.
    figures
        The same for programs.
    failed
        What is not as it has to be; empty where all is.
    """

    rows: tuple[tuple[str, str], ...]
    figures: dict[str, Any]
    failed: tuple[str, ...] = ()


Part = Callable[[Setting, Budget, dict[str, Found]], Found]
"""A setting, what it may take, and what earlier parts have found."""
