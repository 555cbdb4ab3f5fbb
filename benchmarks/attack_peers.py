"""The peers of `attack_speed` and ourselves, each asked for the same: L2 PGD from a random start on a signed response.

A peer gets the model as its users have it: evaluation mode, parameters that require gradients, no BatchNorm folded.
None has a scalar objective for each image of a batch, so that each is given one by the means that it documents or
allows: foolbox by a subclass with its own loss, torchattacks by a model of two logits whose cross entropy rises with
the response (it follows the same normalised gradient), robustness by ``custom_loss``, which runs the model twice.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.arithmetic import synchronise
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import SignedResponse, response_of
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import PAPER31, Schedule
from closedloop.models.site_model import freeze_for_attack

INSTALL = (
    "pip install --no-deps --target FOLDER foolbox==3.3.4 eagerpy gitpython gitdb smmap requests urllib3 idna certifi "
    "charset-normalizer torchattacks==3.5.1 robustness==1.2.1.post1 cox dill tqdm tensorboardX packaging pandas "
    "python-dateutil pytz tzdata six"
)
STEP_FRACTION = 1 / 3  # of the radius, section 3.1
_LOGIT_SCALE = 0.01  # keeps the cross entropy's exponential in range


@dataclass(frozen=True)
class Items:
    """What is attacked: a batch of images in [0, 1], each with its output and sign, and one radius for all."""

    images: Tensor
    output_index: Tensor
    sign: Tensor
    radius: float

    def values(self, model: nn.Module, images: Tensor) -> Tensor:
        """Signed response of every item's own output, (n,)."""
        return self.sign * response_of(model(images), self.output_index)


@dataclass(frozen=True)
class Timed:
    """What one run took and found."""

    wall_s: float
    cpu_s: float
    gain: float


Attack = Callable[[Items, int], Tensor]
"""Items and a number of gradients to attacked images, (n, 3, height, width)."""


def open_peers(folder: Path | None) -> None:
    """Let the peers be imported from where they were installed, behind this environment's own packages."""
    if folder is not None:
        sys.path.append(str(folder))
    try:
        import foolbox
        import robustness.attacker
        import torchattacks

        del foolbox, robustness, torchattacks
    except ImportError as error:
        sys.exit(
            f"a peer is missing ({error}). Install them without their dependencies:\n  {INSTALL}\nand: --peers FOLDER"
        )


def contestants(model: nn.Module, *, precision: Literal["float32", "bfloat16"] = "float32") -> dict[str, Attack]:
    """Ours first, then the peers, each with a copy of a model of its own."""
    untouched = copy.deepcopy(model)
    return {
        "closedloop": ours(freeze_for_attack(copy.deepcopy(model)), precision=precision),
        "foolbox 3.3.4": _foolbox(untouched),
        "torchattacks 3.5.1": _torchattacks(untouched),
        "robustness 1.2.1": _robustness(untouched),
    }


def ours(
    frozen: nn.Module,
    *,
    precision: Literal["float32", "bfloat16"] = "float32",
    search_of: Callable[[int], Schedule] = lambda steps: replace(PAPER31, steps=steps),
) -> Attack:
    """Our engine on a frozen model."""

    def attack(items: Items, steps: int) -> Tensor:
        def images(places: Any) -> Tensor:
            return items.images[list(places)].contiguous(memory_format=torch.channels_last)

        problem = Problem(frozen, images, SignedResponse(items.output_index, items.sign))
        tasks = [Task(row, row, (items.radius,), seed=row) for row in range(len(items.images))]
        method = Method(search=search_of(steps), precision=precision)
        attacked = items.images.clone()
        for found in find(problem, tasks, method=method, batch_size=len(tasks)):
            attacked[found.task.row] += found.delta.to(attacked.device)
        return attacked

    return attack


def timed(attack: Attack, items: Items, *, steps: int, judge: nn.Module) -> Timed:
    """Run an attack once; the gain is the mean change of the signed response."""
    synchronise(items.images.device)
    wall, cpu = time.perf_counter(), time.process_time()
    attacked = attack(items, steps)
    synchronise(items.images.device)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    with torch.no_grad():
        gains = items.values(judge, attacked) - items.values(judge, items.images)
    return Timed(wall, cpu, float(gains.mean()))


def _foolbox(model: nn.Module) -> Attack:
    import eagerpy
    import foolbox

    def attack(items: Items, steps: int) -> Tensor:
        class Signed(foolbox.attacks.L2ProjectedGradientDescentAttack):  # type: ignore[misc, name-defined]
            def get_loss_fn(self, model: Any, labels: Any) -> Any:  # noqa: ARG002 - foolbox's signature
                return lambda x: eagerpy.astensor(items.values(model, x.raw).sum())

        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=items.images.device)
        labels = foolbox.criteria.Misclassification(torch.zeros_like(items.output_index))
        method = Signed(steps=steps, abs_stepsize=STEP_FRACTION * items.radius, random_start=True)
        return method.run(wrapped, items.images, labels, epsilon=items.radius).detach()

    return attack


class _TwoLogits(nn.Module):
    def __init__(self, model: nn.Module, items: Items) -> None:
        super().__init__()
        self.model, self.items = model, items

    def forward(self, images: Tensor) -> Tensor:
        value = _LOGIT_SCALE * self.items.values(self.model, images)
        return torch.stack([-value, torch.zeros_like(value)], dim=1)


def _torchattacks(model: nn.Module) -> Attack:
    import torchattacks

    def attack(items: Items, steps: int) -> Tensor:
        radius = items.radius
        method = torchattacks.PGDL2(
            _TwoLogits(model, items).eval(), eps=radius, alpha=STEP_FRACTION * radius, steps=steps
        )
        return method(items.images, torch.zeros_like(items.output_index))

    return attack


def _robustness(model: nn.Module) -> Attack:
    from robustness.attacker import Attacker

    nothing = SimpleNamespace(mean=torch.zeros(3), std=torch.ones(3))  # the model normalises by itself
    attacker = Attacker(model, nothing).eval()

    def attack(items: Items, steps: int) -> Tensor:
        with _cuda_means_here(items.images.device):
            return attacker(
                items.images,
                items.output_index,
                constraint="2",
                eps=items.radius,
                step_size=STEP_FRACTION * items.radius,
                iterations=steps,
                random_start=True,
                should_normalize=False,
                custom_loss=lambda model, x, _: (items.values(model, x), None),
            ).detach()

    return attack


@contextmanager
def _cuda_means_here(device: torch.device) -> Iterator[None]:
    """Patch robustness off CUDA: it calls ``.cuda()`` on what it is given."""
    moved = Tensor.cuda
    Tensor.cuda = lambda self, *_, **__: self.to(device)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Tensor.cuda = moved  # type: ignore[method-assign]
