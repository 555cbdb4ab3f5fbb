"""The paper's attack as section 3.1 states it, in plain torch: read this first. The engine is tested against it.

"PGD with random starts, 100 steps and step size = epsilon / 3", "for both loss functions MSE(r_i(x + delta_i), 1000) or
MSE(r_i(x + delta_i), -1000)", and "whichever one resulted in the largest predicted magnitude of neural perturbation".
The engine finds the same perturbations, for many sites, images and epsilons at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def paper_attack(
    model: nn.Module, clean: Tensor, *, site: int, radius: float, start: Tensor, steps: int = 100
) -> Tensor:
    """Attack one site on some images.

    Parameters
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_sites), in ``eval`` mode.
    clean
        Clean images in [0, 1], (n, 3, height, width).
    site
        Which response is driven.
    radius
        L2 radius in [0, 1] pixel units at this image size (`radius_at`).
    start
        Random perturbations inside ball and box, same shape as `clean` (`random_start`).
    steps
        Gradients for each of the two losses.

    Returns
    -------
    Tensor
        Perturbations inside ball and box, same shape: of the two losses' the one that moves the site more.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import paper_attack, random_start
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()
    >>> clean = torch.full((1, 3, 8, 8), 0.5)
    >>> start = random_start(clean, radius=0.1, seed=0)
    >>> delta = paper_attack(model, clean, site=1, radius=0.1, start=start)
    >>> round(float(delta.norm()), 4)
    0.1
    """
    found = []
    for target in (+1000.0, -1000.0):
        delta = start
        for _ in range(steps):
            delta = delta.detach().requires_grad_()
            mse = ((model(clean + delta)[:, site] - target) ** 2).sum()
            (gradient,) = torch.autograd.grad(mse, delta)
            delta = _into_ball_and_box(delta - radius / 3 * gradient / _norm(gradient), clean, radius)
        found.append(delta.detach())
    with torch.no_grad():
        before, raised, lowered = (model(images)[:, site] for images in (clean, clean + found[0], clean + found[1]))
    raised_more = (raised - before).abs() >= (lowered - before).abs()
    return torch.where(raised_more.view(-1, 1, 1, 1), found[0], found[1])


def random_start(clean: Tensor, *, radius: float, seed: int) -> Tensor:
    """Draw a perturbation of each image, uniform in the L2 ball, and bring it into the box [0, 1].

    Parameters
    ----------
    clean
        Clean images in [0, 1], (n, 3, height, width).
    radius
        L2 radius in [0, 1] pixel units.
    seed
        Of the draw.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import random_start
    >>> start = random_start(torch.full((1, 3, 8, 8), 0.5), radius=0.1, seed=0)
    >>> bool(start.norm() <= 0.1)
    True
    """
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
    share = torch.rand(len(clean), 1, 1, 1, generator=generator, dtype=clean.dtype) ** (1 / clean[0].numel())
    return _into_ball_and_box(radius * share * direction / _norm(direction), clean, radius)


def _into_ball_and_box(delta: Tensor, clean: Tensor, radius: float) -> Tensor:
    in_ball = delta * (radius / _norm(delta)).clamp(max=1.0)
    return (clean + in_ball).clamp(0.0, 1.0) - clean


def _norm(delta: Tensor) -> Tensor:
    norm: Tensor = delta.flatten(1).norm(dim=1)
    return norm.view(-1, 1, 1, 1)
