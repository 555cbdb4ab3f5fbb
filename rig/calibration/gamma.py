"""Luminance of the screen's grey levels: a photometer's readings, and the power law through them.

L = L0 + (L1 - L0) (level / 255) ** gamma, by least squares: for each gamma the best L0 and L1 are a line's, and gamma
is searched. Nothing is ever corrected by it: pixels are shown as they are, and the numbers say what light that was.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.rig.calibrations import ScreenGamma
from closedloop.errors import RigError
from rig.calibration.tables import read_numbers
from rig.check.light import judge_gamma

LEAST_LEVELS, LEAST_SPAN = 4, 128
_GAMMAS = (0.2, 6.0)
_STEPS = 117  # of a twentieth
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_DARKER = 0.01  # share of the brightest by which a brighter level may be darker: a photometer's noise


@dataclass(frozen=True)
class MeasuredLevel:
    """A grey level, 0 to 255, and its luminance."""

    level: int
    cd_m2: float


@dataclass(frozen=True)
class _PowerLaw:
    darkest: float
    brightest: float
    squares: float


def fit_gamma(measured: Sequence[MeasuredLevel]) -> ScreenGamma:
    """Return the power law through what was measured.

    Raises
    ------
    RigError
        There are too few levels, or they are too near each other, or brighter ones have no more light.
    """
    levels = sorted({one.level for one in measured})
    if len(levels) < LEAST_LEVELS or levels[-1] - levels[0] < LEAST_SPAN:
        raise RigError(
            f"luminance: expected {LEAST_LEVELS} grey levels or more that span {LEAST_SPAN}, found "
            f"{', '.join(map(str, levels)) or 'none'}. Measure more."
        )
    gamma = _search(measured)
    law = _law(measured, gamma)
    if law.brightest <= law.darkest or not _GAMMAS[0] + 0.01 < gamma < _GAMMAS[1] - 0.01:
        raise RigError(
            f"luminance: expected more light from brighter levels by a power law, found {law.darkest:.3g} to "
            f"{law.brightest:.3g} cd/m2 with gamma {gamma:.2f}. Look at what was read."
        )
    worst = max(abs(one.cd_m2 - _foreseen(law, gamma, one.level)) for one in measured)
    return ScreenGamma(
        gamma=gamma,
        darkest_cd_m2=law.darkest,
        brightest_cd_m2=law.brightest,
        worst_error=worst / law.brightest,
        n_levels=len(levels),
    )


def _search(measured: Sequence[MeasuredLevel]) -> float:
    """Find the gamma with the least squares: the best of a grid, then by the golden section around it."""
    low, high = _GAMMAS
    step = (high - low) / (_STEPS - 1)
    best = min((low + number * step for number in range(_STEPS)), key=lambda gamma: _law(measured, gamma).squares)
    left, right = max(low, best - step), min(high, best + step)
    while right - left > 1e-7:
        one, two = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if _law(measured, one).squares <= _law(measured, two).squares:
            right = two
        else:
            left = one
    return (left + right) / 2


def _law(measured: Sequence[MeasuredLevel], gamma: float) -> _PowerLaw:
    """Return the best darkest and brightest luminance for a gamma; darkness below 0 is none."""
    x = [(one.level / 255.0) ** gamma for one in measured]
    y = [one.cd_m2 for one in measured]
    n, mean_x, mean_y = len(x), math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((one - mean_x) ** 2 for one in x)
    rise = math.fsum((one - mean_x) * (other - mean_y) for one, other in zip(x, y, strict=True)) / spread
    darkest = mean_y - rise * mean_x
    if darkest < 0:
        darkest = 0.0
        rise = math.fsum(one * other for one, other in zip(x, y, strict=True)) / math.fsum(one * one for one in x)
    squares = math.fsum((other - darkest - rise * one) ** 2 for one, other in zip(x, y, strict=True))
    return _PowerLaw(darkest, darkest + rise, squares / n)


def _foreseen(law: _PowerLaw, gamma: float, level: int) -> float:
    share: float = (level / 255.0) ** gamma
    return law.darkest + (law.brightest - law.darkest) * share


def doubts_of_gamma(measured: Sequence[MeasuredLevel], fitted: ScreenGamma) -> list[str]:
    """Return in words what is implausible about the readings; empty where nothing is.

    Parameters
    ----------
    measured
        The readings.
    fitted
        The law through them.
    """
    found = []
    ordered = sorted(measured, key=lambda one: one.level)
    for darker, brighter in itertools.pairwise(ordered):
        if brighter.level > darker.level and brighter.cd_m2 < darker.cd_m2 - _DARKER * fitted.brightest_cd_m2:
            found.append(
                f"level {brighter.level} was read as {brighter.cd_m2:g} cd/m2, darker than level {darker.level} "
                f"({darker.cd_m2:g}): read both again"
            )
    return found + [f"{one.found}. {one.fix}" for one in judge_gamma(fitted)]


def gamma_lines(fitted: ScreenGamma) -> list[str]:
    """Return what a person reads of a fit."""
    return [
        f"gamma {fitted.gamma:.3f}, from {fitted.darkest_cd_m2:.3g} to {fitted.brightest_cd_m2:.4g} cd/m2, by "
        f"{fitted.n_levels} levels; worst error {100 * fitted.worst_error:.1f} % of the brightest"
    ]


def read_levels(path: Path) -> list[MeasuredLevel]:
    """Read levels that were measured elsewhere: a CSV file with the columns ``level`` and ``cd_m2``.

    Raises
    ------
    RigError
        It is no such file, or a number in it cannot be.
    """
    measured = []
    for number, row in enumerate(read_numbers(path, ("level", "cd_m2")), start=1):
        level, cd_m2 = row.get("level", -1.0), row.get("cd_m2", -1.0)
        if level not in range(256) or cd_m2 < 0:
            raise RigError(
                f"{path}, row {number}: expected a level of 0 to 255 and its cd/m2, not below 0, found {level:g} and "
                f"{cd_m2:g}. Correct it."
            )
        measured.append(MeasuredLevel(int(level), cd_m2))
    return measured
