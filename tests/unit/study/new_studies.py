"""What the tests of new studies ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from closedloop.study.create import Request

N_IMAGES = 42  # smoke.yaml shows 41 on day 0
PROTOCOLS = Path(__file__).parents[3] / "protocols"


def request(folder: Path) -> Request:
    return Request(root=folder / "study", subject="nobody", simulated=True, protocol="smoke")


def image_folder(folder: Path) -> Path:
    for category in ("cat", "dog"):
        (folder / category).mkdir(parents=True)
        for number in range(N_IMAGES // 2):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / category / f"{number}.png")
    return folder
