"""What an experiment will be able to show, before anybody is asked: standard errors, power, trials and subjects."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from closedloop.analysis.discrimination.rates import normal, normal_quantile
from closedloop.analysis.intervals import student_95

CHANCE = 0.5
_MOST_SUBJECTS = 100_000
_N_STEPS = 20


@dataclass(frozen=True)
class DiscriminationDesign:
    """An experiment as far as its standard error goes; numbers are of one epsilon.

    Attributes
    ----------
    n_subjects, n_images
        Subjects, and perturbed images.
    trials_a_subject
        Trials of each subject at the epsilon, half of them of different images.
    false_rate
        Part of equal pairs called different.
    sd_subjects, sd_images
        SD of percent correct over subjects and over images, each without the noise of answers.
    """

    n_subjects: int
    n_images: int
    trials_a_subject: float
    false_rate: float = 0.25
    sd_subjects: float = 0.0
    sd_images: float = 0.0

    @property
    def n_trials(self) -> float:
        """Trials of all subjects."""
        return self.n_subjects * self.trials_a_subject


def standard_error_of(design: DiscriminationDesign, correct: float) -> float:
    """Return the standard error of percent correct.

    Parameters
    ----------
    design
        The experiment.
    correct
        The true percent correct, as a part of 1.

    Examples
    --------
    51 % against 50 % at two standard errors wants 10,000 trials (of an observer who guesses, half of them "different"):

    >>> design = DiscriminationDesign(n_subjects=100, n_images=100, trials_a_subject=100, false_rate=0.5)
    >>> round(0.01 / standard_error_of(design, 0.5), 3)
    2.0
    """
    hits = min(2.0 * correct - 1.0 + design.false_rate, 1.0)
    of_answers = (hits * (1.0 - hits) + design.false_rate * (1.0 - design.false_rate)) / (2.0 * design.n_trials)
    of_clusters = design.sd_subjects**2 / design.n_subjects + design.sd_images**2 / design.n_images
    return math.sqrt(of_answers + of_clusters)


def power_of(design: DiscriminationDesign, correct: float) -> float:
    """Return the probability that the 95 % interval of percent correct lies above chance.

    Parameters
    ----------
    design
        The experiment.
    correct
        The true percent correct, as a part of 1.
    """
    quantile = student_95(min(design.n_subjects, design.n_images) - 1)
    return float(normal((correct - CHANCE) / standard_error_of(design, correct) - quantile))


def subjects_needed(design: DiscriminationDesign, correct: float, *, power: float) -> int | None:
    """Return how many subjects see a difference with a probability; None where no number of them does.

    Parameters
    ----------
    design
        The experiment; its own number of subjects plays no part.
    correct
        The true percent correct, as a part of 1.
    power
        The probability that is wanted.
    """
    low, high = 2, _MOST_SUBJECTS
    if power_of(replace(design, n_subjects=high), correct) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if power_of(replace(design, n_subjects=middle), correct) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def smallest_seen(design: DiscriminationDesign, *, power: float) -> float:
    """Return the smallest percent correct that is told from chance with a probability.

    Parameters
    ----------
    design
        The experiment.
    power
        The probability that is wanted.
    """
    quantile = student_95(min(design.n_subjects, design.n_images) - 1) + float(normal_quantile(power))
    correct = CHANCE
    for _ in range(_N_STEPS):  # the error depends on the accuracy, a little
        correct = min(CHANCE + quantile * standard_error_of(design, correct), 1.0)
    return correct
