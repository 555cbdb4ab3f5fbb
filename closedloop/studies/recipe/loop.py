"""A recipe's days around a simulated subject, in memory: shown, counted, fitted, judged; nothing but counts."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from closedloop.analysis.normalizers import z_score
from closedloop.attacks.gradients.estimators import Ensemble
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack
from closedloop.stages.from_protocol.model import recipe_of
from closedloop.studies.recipe.probes import make_probes
from closedloop.studies.recipe.recipes import Recipe
from closedloop.studies.simulated_subject import Bytes, StudySubject
from closedloop.training.closed_form import start_readout
from closedloop.training.end_to_end import Responses, refit

_Number = TypeVar("_Number", bound=np.generic)

_N_CALIBRATED = 128  # as the stage `start` takes


@dataclass
class FittedDays:
    """The models so far, and what was fitted of every day.

    Attributes
    ----------
    recipe, subject
        Whose.
    members
        Fitted to all days so far.
    images, responses
        Of each day, one entry a day: uint8 and z-scored.
    """

    recipe: Recipe
    subject: StudySubject
    members: list[SiteModel]
    images: list[Bytes] = field(default_factory=list)
    responses: list[NDArray[np.float32]] = field(default_factory=list)

    @staticmethod
    def begin(recipe: Recipe, subject: StudySubject) -> FittedDays:
        """Return calibrated members that have seen nothing of the subject."""
        first = clean_images(recipe, subject, day=0)[:_N_CALIBRATED]
        members = []
        for place, member in enumerate(recipe.members):
            base = open_base_model(member.weights, layer=member.layer)
            seed = subject.seed_of("readout", place)
            model = build_site_model(base, n_sites=subject.n_sites, side_px=first.shape[1], seed=seed)
            calibrate_readout(model, first)
            members.append(model)
        return FittedDays(recipe, subject, members)

    def attacked(self) -> nn.Module:
        """Return the members' mean, ready for attacks."""
        return Ensemble(ready_for_attack(self.members)).eval()

    def add_day(self) -> None:
        """Show the next day, in its rounds, and fit the members to all days after each."""
        day, rounds = len(self.images), self.recipe.rounds if self.images else 1
        shown: list[Bytes] = []
        rates, normalizers = [], []
        for block in range(rounds):
            shown.append(np.concatenate(list(self._fitted_images(day=day, block=block, rounds=rounds))))
            own, reference = self._answers(shown[-1], day=day, block=block, rounds=rounds)
            rates.append(own)
            normalizers.append(reference)
            scaled = z_score(np.concatenate(rates), np.mean(normalizers, axis=0)).astype(np.float32)
            self._fit([*self.images, *shown], [*self.responses, scaled], day=day, block=block, rounds=rounds)
        self.images.append(np.concatenate(shown))
        self.responses.append(scaled)

    def _fitted_images(self, *, day: int, block: int, rounds: int) -> Iterator[Bytes]:
        """Yield a block's clean images, and its probes, made by the members as they are."""
        recipe, probes = self.recipe, self.recipe.probes
        clean = _part(clean_images(recipe, self.subject, day=day), block, rounds)
        yield clean
        n_probes = len(_part(np.arange(probes.n_images), block, rounds)) if day else 0
        if not n_probes:
            return
        order = np.arange(n_probes)
        if probes.of == "fresh":
            fresh = self.subject.images(f"probes of day {day}", probes.n_images)
            bases, sites = _part(fresh, block, rounds), order % self.subject.n_sites
        else:  # an image serves sites far apart in their numbers, each of them once
            bases = clean[order % len(clean)]
            sites = (order % len(clean) * _STRIDE + order // len(clean)) % self.subject.n_sites
        seed = self.subject.seed_of("probes", day, block)
        frozen = ready_for_attack(self.members)
        yield make_probes(frozen, bases, sites, probes=probes, n_sites=self.subject.n_sites, seed=seed)

    def _answers(self, images: Bytes, *, day: int, block: int, rounds: int) -> tuple[NDArray[np.float64], ...]:
        """Return the rates to a block's images, and to the normalizers among them."""
        recipe = self.recipe
        normalizers = self.subject.images("normalizers", recipe.normalizers)
        repetitions = max(recipe.normalizer_repetitions // rounds, 1)
        rates = self.subject.show(
            np.concatenate([images, normalizers]),
            np.repeat([1, repetitions], [len(images), len(normalizers)]),
            day=day,
            block=f"block {block}",
        )
        return rates[: len(images)], rates[len(images) :]

    def _fit(
        self, images: Sequence[Bytes], responses: Sequence[NDArray[np.float32]], *, day: int, block: int, rounds: int
    ) -> None:
        fit = self.recipe.fit
        pixels, z = np.concatenate(list(images)), np.concatenate(list(responses))
        train = Responses(pixels, z, np.ones(len(pixels), dtype=np.float32))
        few = Responses(pixels[:_FEW], z[:_FEW], train.weights[:_FEW])  # what is not reported need not be computed
        for place, (model, member) in enumerate(zip(self.members, self.recipe.members, strict=True)):
            if fit.readout_start == "closed_form" and not day:
                start_readout(model, pixels, z, ridge=fit.ridge)
            settings = recipe_of(fit.of_member(member), n_images=len(pixels), is_first=not day)
            if day:
                settings = replace(settings, epochs=max(settings.epochs // rounds, 1))
            refit(model, train, few, recipe=settings, seed=self.subject.seed_of("fit", day, block, place))


def clean_images(recipe: Recipe, subject: StudySubject, *, day: int) -> Bytes:
    """Return a day's clean images, the same for every recipe that shows as many.

    Parameters
    ----------
    recipe
        How many.
    subject
        To whom.
    day
        Counted from 0.
    """
    return subject.images(f"clean of day {day}", recipe.clean if day else recipe.first_clean)


def ready_for_attack(members: Sequence[SiteModel]) -> list[nn.Module]:
    """Return copies of the members that an attack may follow; they themselves are fitted on."""
    return [freeze_for_attack(copy.deepcopy(member)) for member in members]


def _part(values: NDArray[_Number], block: int, rounds: int) -> NDArray[_Number]:
    """Return a block's share of a day's images."""
    bounds = np.linspace(0, len(values), rounds + 1).round().astype(int)
    return values[bounds[block] : bounds[block + 1]]


_FEW = 8
_STRIDE = 5
