from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from closedloop.errors import ImageError
from closedloop.models.accuracy import measure_accuracy
from tests.unit.messages import refused

torch.set_num_threads(1)
RED, GREEN, BLUE = (200, 10, 20), (10, 200, 20), (20, 10, 200)


class MostColour(nn.Module):
    """Logits of red, green, blue: their means; further classes come last, the later the worse."""

    def __init__(self, *, n_classes: int = 3) -> None:
        super().__init__()
        self.n_more = n_classes - 3

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images.mean(dim=(2, 3)), -torch.arange(1.0, self.n_more + 1).expand(len(images), -1)], dim=1)


def folder_of(root: Path, **colours: list[tuple[int, int, int]]) -> Path:
    for name, own in colours.items():
        (root / name.lstrip("_")).mkdir(parents=True)
        for index, colour in enumerate(own):
            Image.fromarray(np.full((9, 12, 3), colour, dtype=np.uint8)).save(root / name.lstrip("_") / f"{index}.png")
    return root


def test_accuracy_is_the_fraction_of_images_whose_folder_comes_first(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a_red=[RED, RED, BLUE], b_green=[GREEN], c_blue=[RED])
    found = measure_accuracy(MostColour(), folder, side_px=8, n_classes=3)
    assert (found.n_images, found.top1, found.top5) == (5, 3 / 5, None)


def test_the_first_five_count_for_the_second_figure(tmp_path: Path) -> None:
    # Red, green, blue in some order, then classes 3, 4, 5, 6: five classes reach up to class 4.
    folder = folder_of(tmp_path, _0=[RED, GREEN], _4=[RED], _5=[RED])
    found = measure_accuracy(MostColour(n_classes=7), folder, side_px=8, n_classes=7)
    assert (found.top1, found.top5) == (1 / 4, 3 / 4)


def test_constant_logits_are_never_right(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a=[RED], b=[GREEN])
    found = measure_accuracy(nn.Sequential(nn.Flatten(), Zeros()), folder, side_px=8, n_classes=2)
    assert found.top1 == 0


class Zeros(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), 2)


@pytest.mark.parametrize("names", [("a", "b"), ("0", "3")])
def test_a_folder_of_other_classes_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = folder_of(tmp_path, **{f"_{name}": [RED] for name in names})
    with refused(ImageError, folder, "each of the 3 classes", "found 2"):
        measure_accuracy(MostColour(), folder, side_px=8, n_classes=3)
