"""What else computes on a device: a step of the refit, the white box, and what the studies do inside."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.arithmetic import synchronise
from benchmarks.device.setting import N_SITES, PROCESSOR, SMALL_SIDE, Budget, Found, Setting
from closedloop.attacks.balls import radius_at
from closedloop.attacks.geometry.principal import principal_directions
from closedloop.attacks.geometry.responses import ResponseOf
from closedloop.attacks.largest_change import Target, largest_changes
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import STRENGTHENED
from closedloop.attacks.synthesis.sources import InMemory, units_file
from closedloop.models.site_model import images_to_tensor
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.training import RefitRecipe, Responses, refit


class _EnoughError(Exception):
    """The steps that were wanted are timed."""


def refit_step(setting: Setting, budget: Budget, _before: dict[str, Found]) -> Found:
    """Time steps of the refit: forward and backward with the weights' gradients, and AdamW."""
    batch, n_steps = (8, 4) if setting.tiny else (32, 16)
    model = setting.site_model().to(setting.device)
    images = setting.pixels(n_steps * batch)
    responses = np.random.default_rng(1).standard_normal((len(images), N_SITES)).astype(np.float32)
    recorded = Responses(images, responses, np.ones(len(images), dtype=np.float32))
    times: list[float] = []

    def heard(_progress: Any) -> None:
        synchronise(setting.device)
        times.append(time.perf_counter())
        if budget.left_s < 0:
            raise _EnoughError

    few = Responses(images[:4], responses[:4], recorded.weights[:4])
    recipe = RefitRecipe(epochs=1, batch_size=batch)
    if setting.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(setting.device)
    with contextlib.suppress(_EnoughError):
        refit(model, recorded, few, recipe=recipe, seed=0, progress=heard)
    steps = np.diff(times)[1:]
    step_s = float(np.median(steps))
    figures: dict[str, Any] = {"step_s": step_s, "batch": batch}
    rows = [(f"step of the refit, batch of {batch}, float32", f"{1000 * step_s:.1f} ms, {batch / step_s:.0f} images/s")]
    if setting.device.type == "cuda":
        figures["peak_gib"] = torch.cuda.max_memory_allocated(setting.device) / 2**30
        rows.append(("its peak of memory", f"{figures['peak_gib']:.2f} GiB"))
    return Found(tuple(rows), figures)


def white_box(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Search the simulated cortex's own bound, as evaluation does, and compare it with the processor's."""
    n_images, n_sites = (1, 2) if setting.tiny else (12, N_SITES)
    cortex = model_of_electrodes(HiddenCortex(0).response_model(1), list(range(n_sites))).eval().requires_grad_(False)
    return _largest(setting, cortex, n_images=n_images, n_outputs=n_sites, what="white box of the simulated cortex")


def units(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Search artificial units as the study of unit sensitivity does."""
    model = units_file("small_resnet_vanilla", layer="layer3.0").load(PROCESSOR)
    n_images, n_units = (1, 2) if setting.tiny else (12, N_SITES)
    return _largest(setting, model, n_images=n_images, n_outputs=n_units, what="sensitivity of artificial units")


def geometry(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Find principal curvatures as the study of response geometry does."""
    model = units_file("small_resnet_robust", layer="layer3.0").load(PROCESSOR)
    pixels = setting.pixels(2 if setting.tiny else 64, side_px=SMALL_SIDE)

    def curvatures(device: torch.device) -> Tensor:
        response = ResponseOf(
            InMemory(model, "geometry").load(device), torch.arange(len(pixels), device=device) % N_SITES
        )
        images = images_to_tensor(pixels, device=device)
        found = principal_directions(
            response, images, n=2, h=radius_at(1.0, SMALL_SIDE), seeds=range(len(pixels)), iterations=4
        )
        return found.curvature

    return _compared(
        setting, f"principal curvatures of {len(pixels)} images", lambda device: curvatures(device).cpu().numpy()
    )


def _largest(setting: Setting, model: torch.nn.Module, *, n_images: int, n_outputs: int, what: str) -> Found:
    pixels = setting.pixels(n_images, side_px=SMALL_SIDE)
    targets = [Target(f"{image} {output}", image, output) for image in range(n_images) for output in range(n_outputs)]
    search = replace(STRENGTHENED, restarts=1, steps=2 if setting.tiny else 8)

    def changes(device: torch.device) -> Any:
        found = largest_changes(
            InMemory(model, what).load(device),
            targets,
            pixels,
            radii=[radius_at(epsilon, SMALL_SIDE) for epsilon in (1.0, 10.0)],
            method=Method(search, precision="float32"),
            batch_size=64 if device.type == "cpu" else 512,
            warm_start=True,
        )
        return found.larger

    return _compared(setting, f"{what}, {len(targets)} pairs", changes)


def _compared(setting: Setting, what: str, measure: Callable[[torch.device], Any]) -> Found:
    """Time the device (a second time, once it is prepared) and the processor, and compare what they find."""
    seconds = {}
    expected, seconds["processor"] = _timed(measure, PROCESSOR)
    if setting.device.type != "cpu":
        measure(setting.device)
    found, seconds["device"] = _timed(measure, setting.device)
    ratio = float(np.nanmean(np.abs(found)) / np.nanmean(np.abs(expected)))
    failed = () if abs(ratio - 1) < 0.01 else (f"{what}: {ratio:.4f} of the processor's",)
    said = (
        f"{seconds['device']:.2f} s; processor, one thread, {seconds['processor']:.2f} s; mean size {ratio:.5f} of its"
    )
    return Found(((what, said),), {"seconds": seconds, "of_processor": ratio}, failed)


def _timed(measure: Callable[[torch.device], Any], device: torch.device) -> tuple[Any, float]:
    synchronise(device)
    began = time.perf_counter()
    found = measure(device)
    synchronise(device)
    return found, time.perf_counter() - began
