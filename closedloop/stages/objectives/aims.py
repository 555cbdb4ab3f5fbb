"""What the protocol's objectives mean for the search: targets in the model's unit, and what each item is to attain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.objectives.stated import BallName, StatedObjective
from closedloop.attacks.aims.kinds import Aim, Alone, Along, AtLevel, Controversial, Drive, Pattern
from closedloop.attacks.aims.levels import LevelSettings
from closedloop.attacks.balls import L2, Anywhere, Ball, LInf
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.stages.from_protocol.attack import estimator_of

Floats = NDArray[np.float64]

_BALLS: dict[BallName, Ball] = {"l2": L2(), "linf": LInf(), "none": Anywhere()}


@dataclass(frozen=True)
class NaturalResponses:
    """The model's responses to the day's fresh clean images: by these levels are stated.

    Attributes
    ----------
    predicted
        In the model's unit, (n_images, n_outputs).
    """

    predicted: Floats

    @property
    def mean(self) -> Floats:
        """Of each output, (n_outputs,)."""
        return np.asarray(self.predicted.mean(axis=0))

    @property
    def sd(self) -> Floats:
        """Of each output, (n_outputs,); 1 where an output is the same for all images."""
        sd = self.predicted.std(axis=0)
        return np.where(sd > 0, sd, 1.0)

    def in_sd(self, objective: StatedObjective, site: int, target: float) -> float:
        """Return a target in SD above the mean; percentiles below 0 and above 100 go on by as much of the range.

        Parameters
        ----------
        objective
            Whose unit it is in.
        site
            Output of the model.
        target
            As the protocol states it.
        """
        if objective.unit == "sd":
            return target
        own = self.predicted[:, site]
        beyond = (target - np.clip(target, 0, 100)) / 100 * np.ptp(own)
        level = np.percentile(own, np.clip(target, 0, 100)) + beyond
        return float((level - self.mean[site]) / self.sd[site])


@dataclass(frozen=True)
class AimedItems:
    """The items of one objective, in order.

    Attributes
    ----------
    site
        Output that each is made for; -1 where all are.
    target_sd
        AtLevel of each, SD; NaN for none.
    """

    site: NDArray[np.int64]
    target_sd: Floats


def aims_of(
    objective: StatedObjective, items: AimedItems, natural: NaturalResponses, *, sites: Sequence[int], other: Floats
) -> list[Aim]:
    """Return what each item of an objective is to attain.

    Parameters
    ----------
    objective
        The protocol's.
    items
        Its items.
    natural
        By which levels are stated.
    sites
        Outputs of the model that are bound to an electrode, the most reliable ones of day 0 first.
    other
        Of controversial, where the other member is held, (n_items,).
    """
    n_outputs = natural.predicted.shape[1]
    settings = LevelSettings(reach=objective.steps, shrink=objective.steps, step_fraction=objective.step_fraction)
    aims = list[Aim]()
    for site, target, held in zip(items.site.tolist(), items.target_sd.tolist(), other.tolist(), strict=True):
        if objective.kind == "level":
            level, sd = natural.mean[site] + target * natural.sd[site], float(natural.sd[site])
            aims.append(AtLevel(site, float(level), objective.tolerance * sd, objective.change, settings))
        elif objective.kind == "maximise":
            aims.append(Drive(site))
        elif objective.kind == "controversial":
            raised, rival = (member * n_outputs + site for member in objective.members)
            aims.append(Controversial(raised, rival, held if objective.other == "held" else None))
        else:
            aims.append(_of_population(objective, site, natural, sites))
    return aims


def _of_population(objective: StatedObjective, site: int, natural: NaturalResponses, sites: Sequence[int]) -> Aim:
    if objective.pattern == "one_hot":
        return Alone(site, among=tuple(sites))
    n_outputs = natural.predicted.shape[1]
    if objective.pattern == "stretch":
        return Along(tuple(1 / len(sites) if output in sites else 0.0 for output in range(n_outputs)))
    wanted = np.full(n_outputs, np.nan)
    aimed = list(sites[: len(objective.targets)])
    in_sd = [natural.in_sd(objective, one, target) for one, target in zip(aimed, objective.targets, strict=False)]
    wanted[aimed] = natural.mean[aimed] + np.array(in_sd) * natural.sd[aimed]
    return Pattern(tuple(wanted.tolist()))


def method_of_objective(objective: StatedObjective) -> Method:
    """Return how an objective is searched: from the clean image where a level is, else at random in its ball.

    Parameters
    ----------
    objective
        The protocol's.
    """
    search = replace(
        COSINE,
        steps=objective.steps,
        step_fraction=objective.step_fraction,
        random_start=objective.ball != "none",
    )
    return Method(search, estimator_of(objective.gradient), _BALLS[objective.ball])
