"""`closedloop discrimination plan`: what an experiment can show, before anybody is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from closedloop.analysis.discrimination.power import (
    DiscriminationDesign,
    power_of,
    smallest_seen,
    standard_error_of,
    subjects_needed,
)
from closedloop.errors import OptionError

_TRIALS_A_SESSION = 100  # section 6.2


@dataclass(frozen=True)
class PlannedPeople:
    """Who is to be asked, how often, and how much they and the images may differ.

    Attributes
    ----------
    n_subjects, sessions_each
        People, and sessions of each.
    n_images, n_epsilons
        Perturbed images of an epsilon, and epsilons that share a session.
    sd_subjects, sd_images
        Of the true accuracy, as a part of 1.
    power
        Probability that is wanted.
    """

    n_subjects: int
    sessions_each: int
    n_images: int
    n_epsilons: int
    sd_subjects: float
    sd_images: float
    power: float

    @property
    def design(self) -> DiscriminationDesign:
        """As far as its standard error goes."""
        return DiscriminationDesign(
            n_subjects=self.n_subjects,
            n_images=self.n_images,
            trials_a_subject=self.sessions_each * _TRIALS_A_SESSION / self.n_epsilons,
            sd_subjects=self.sd_subjects,
            sd_images=self.sd_images,
        )


def plan_lines(words: str, people: PlannedPeople) -> Iterator[str]:
    """Yield the table, a line an accuracy.

    Parameters
    ----------
    words
        Accuracies set apart by commas.
    people
        Who is to be asked.

    Raises
    ------
    OptionError
        A word is no accuracy above chance.
    """
    accuracies, design = parse_accuracies(words), people.design
    yield (
        f"{people.n_subjects} people of {people.sessions_each} sessions each, {people.n_images} images at each of "
        f"{people.n_epsilons} epsilons: {design.n_trials:,.0f} trials an epsilon"
    )
    yield (
        f"assumed: the true accuracy has an SD of {100 * people.sd_subjects:g} points over people and "
        f"{100 * people.sd_images:g} over images; equal pairs are called different in {100 * design.false_rate:g} %"
    )
    yield f"true accuracy  standard error  power  people for power {people.power:g}  trials if all were alike"
    for correct in accuracies:
        needed = _people(subjects_needed(design, correct, power=people.power))
        n_trials = f"{_trials(correct):,}"
        yield (
            f"{100 * correct:11.1f} %  {100 * standard_error_of(design, correct):8.2f} points  "
            f"{power_of(design, correct):5.2f}  {needed:>{len(f'people for power {people.power:g}')}}  "
            f"{n_trials:>{len('trials if all were alike')}}"
        )
    yield (
        f"smallest accuracy told from chance with probability {people.power:g}: "
        f"{100 * min(smallest_seen(design, power=people.power), 1):.1f} %"
    )
    if any(subjects_needed(design, one, power=people.power) is None for one in accuracies):
        yield "Where no number of people is enough the images differ too much: take more images."


def _people(needed: int | None) -> str:
    return "no number" if needed is None else f"{needed:,}"


def _trials(correct: float) -> int:
    """Return the trials after which chance lies two standard errors away, where nobody and nothing differs."""
    return math.ceil(1 / (2 * (correct - 0.5) / 2) ** 2 - 1e-6)


def parse_accuracies(words: str) -> tuple[float, ...]:
    """Read accuracies above one half, ascending and each once.

    Raises
    ------
    OptionError
        A word is none.
    """
    found = set()
    for word in words.split(","):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not 0.5 < value < 1:
            raise OptionError(
                f"--correct: expected numbers above 0.5 and below 1 set apart by commas, found {word.strip()[:40]!r}. "
                "Correct it."
            )
        found.add(value)
    return tuple(sorted(found))
