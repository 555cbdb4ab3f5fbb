"""The study cut into files: a subject's truth of each day, and a recipe's days on it, one file a day to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.shards import made_once, shard_name
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import SiteModel
from closedloop.storage import sha256_file
from closedloop.studies.recipe.judge import JudgedModel, Truth, judge, read_truth
from closedloop.studies.recipe.loop import FittedDays
from closedloop.studies.recipe.recipes import Recipe
from closedloop.studies.simulated_subject import StudySubject

_FORMAT = "recipe study 1"
_TRUTH = ("gradient", "white_box", "sigma_hz")
_FOUND = ("cosine", "change")
_IMAGES, _RESPONSES = "images", "responses"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TruthShard:
    """What a subject's cortex does at the anchors on one day."""

    subject: StudySubject
    day: int
    folder: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / f"{shard_name(_FORMAT, __version__, 'truth', repr(self.subject), self.day)}.npz"


@dataclass(frozen=True)
class LoopShard:
    """A recipe's days around a subject.

    Attributes
    ----------
    recipe
        What is tried.
    subject
        On whom.
    n_days
        Days that are shown and fitted; attacks are judged on the day after each.
    folder
        Where the files go.
    """

    recipe: Recipe
    subject: StudySubject
    n_days: int
    folder: Path

    def path(self, day: int) -> Path:
        """File of the models fitted to a day and those before; other lengths of the study share it."""
        weights = [sha256_file(weights_file(member.weights)) for member in self.recipe.members]
        said = self.recipe.model_dump_json(exclude={"name"})
        name = shard_name(_FORMAT, __version__, said, *weights, repr(self.subject), day)
        return self.folder / f"{name}.npz"

    @property
    def missing(self) -> list[int]:
        """Days that are not done yet."""
        return [day for day in range(self.n_days) if not self.path(day).exists()]


def leave_truth(shard: TruthShard) -> None:
    """Ask the cortex, unless the file is there, and leave the file."""

    def make(path: Path) -> None:
        truth = read_truth(shard.subject, day=shard.day)
        write_shard({name: getattr(truth, name) for name in _TRUTH}, path)

    made_once(shard.path, make)


def read_truth_shard(shard: TruthShard) -> Truth:
    """Read what `leave_truth` left.

    Raises
    ------
    DocumentError
        The file is missing or another.
    """
    return Truth(**read_shard(shard.path, names=_TRUTH))


def leave_days(shard: LoopShard, *, until: int) -> None:
    """Show and fit the days that are not done yet, and judge each model on the day after its last.

    Parameters
    ----------
    shard
        Whose; the truth of its days is there already.
    until
        Days to do, from the first.
    """
    missing = [day for day in shard.missing if day < until]
    if not missing:
        return
    days = FittedDays.begin(shard.recipe, shard.subject)
    for day in range(until):
        if day not in missing:
            _restore(days, read_shard(shard.path(day), names=_names(days)))
            continue
        days.add_day()
        truth = read_truth_shard(TruthShard(shard.subject, day + 1, shard.folder))
        judged = judge(days.attacked(), days.subject, truth, gradient=shard.recipe.gradient, day=day + 1)
        found = {"cosine": judged.cosine, "change": judged.change}
        made_once(shard.path(day), partial(write_shard, found | _state(days)))


def read_judged(shard: LoopShard, day: int) -> JudgedModel:
    """Read how the models of a day were judged.

    Parameters
    ----------
    shard
        Whose.
    day
        The last that was fitted.

    Raises
    ------
    DocumentError
        The file is missing or another.
    """
    return JudgedModel(**read_shard(shard.path(day), names=_FOUND))


def _state(days: FittedDays) -> Arrays:
    """Return what the next day goes on from: the members' weights, and what was fitted of the last day."""
    weights = {
        _weight_name(place, name): tensor.detach().cpu().numpy()
        for place, member in enumerate(days.members)
        for name, tensor in member.state_dict().items()
    }
    return weights | {_IMAGES: days.images[-1], _RESPONSES: days.responses[-1]}


def _names(days: FittedDays) -> tuple[str, ...]:
    weights = (_weight_name(place, name) for place, one in enumerate(days.members) for name in one.state_dict())
    return (*weights, _IMAGES, _RESPONSES)


def _restore(days: FittedDays, arrays: Mapping[str, NDArray[Any]]) -> None:
    for place, member in enumerate(days.members):
        member.load_state_dict(_weights_of(member, place, arrays))
    days.images.append(arrays[_IMAGES])
    days.responses.append(arrays[_RESPONSES])


def _weights_of(member: SiteModel, place: int, arrays: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    names = member.state_dict()
    return {name: torch.from_numpy(np.array(arrays[_weight_name(place, name)])) for name in names}


def _weight_name(place: int, name: str) -> str:
    return f"member-{place}-{name}"
