"""What each estimator claims to estimate, known exactly: means over a subject's bank of pairs, without noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.artifacts.naming import generator
from closedloop.studies.coverage.settings import CoverageStudy
from closedloop.studies.coverage.subject import BOUND, EARLY, LATE, Floats, SimulatedSubject

_ERF = np.vectorize(math.erf, otypes=[np.float64])
_N_MIXED = 3  # other sites that the error of a prediction is made of


@dataclass(frozen=True)
class Truths:
    """Changes of all pairs of a subject's bank, in units of sigma with the noise of the repetitions (the paper's).

    Attributes
    ----------
    change
        Signed as predicted, (3, n_epsilons, n_pairs): early, late, along the gradient.
    cross_fitted
        Expectation of each pair's cross-fitted size on the late day, (n_epsilons, n_pairs), noise taken as normal.
    slope
        Of each pair's late change over epsilon, (n_pairs,).
    control_square
        Mean square of each kind's change over images and sites, (2, n_epsilons).
    site
        Of each pair, (n_pairs,).
    sigma_ratio
        Sigma without noise in parts of the paper's, mean over sites.
    """

    change: Floats
    cross_fitted: Floats
    slope: Floats
    control_square: Floats
    site: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    sigma_ratio: float

    def of_sites(self, values: Floats) -> Floats:
        """Average a value of each pair over a site's pairs, (n_sites,)."""
        return np.asarray(np.bincount(self.site, weights=values) / np.bincount(self.site))


def know(subject: SimulatedSubject, study: CoverageStudy, n_repetitions: int) -> Truths:
    """Return the truths of a subject.

    Parameters
    ----------
    subject
        With its bank.
    study
        The design.
    n_repetitions
        Of attacked and fresh clean images: sigma holds their noise.
    """
    electrode = subject.electrode[subject.pair_site]
    sigma_hz = subject.sigma_hz(n_repetitions)
    of_pair = sigma_hz[subject.pair_site]
    rows = np.arange(len(electrode))
    clean_hz = subject.anchor_hz[subject.pair_image, electrode]
    attacked_hz = subject.attacked_hz[:, :, rows, electrode]
    change = subject.sign * (attacked_hz - clean_hz) / of_pair
    noise_clean = subject.noise_sd_hz(clean_hz, electrode) ** 2 / (study.anchor_repetitions / 2)
    noise_changed = subject.noise_sd_hz(attacked_hz[LATE], electrode) ** 2 / (n_repetitions / 2)
    half_sd = np.sqrt(noise_clean + noise_changed) / of_pair
    controls = (subject.control_hz - subject.control_clean_hz)[..., subject.electrode] / sigma_hz
    return Truths(
        change=change,
        cross_fitted=change[LATE] * _ERF(change[LATE] / half_sd / math.sqrt(2)),
        slope=line_over_epsilon(study) @ change[LATE],
        control_square=(controls**2).mean(axis=(2, 3)),
        site=subject.pair_site,
        sigma_ratio=float((subject.clean_hz[:, subject.electrode].std(axis=0) / sigma_hz).mean()),
    )


def line_over_epsilon(study: CoverageStudy) -> Floats:
    """Return the weights of a least-squares slope, (n_epsilons,)."""
    centred = np.array(study.epsilons) - np.mean(study.epsilons)
    return np.asarray(centred / (centred**2).sum())


def predict_clean(subject: SimulatedSubject, study: CoverageStudy, number: int, *, day: int) -> Floats:
    """Return predictions of all fresh clean images that explain a known part of each site's variance, (n, n_sites).

    Their error is a mixture of what other sites do, orthogonal to the site over all images: as a fitted model's, it
    resembles other sites' responses, which is what an alarm for a wrong map has to stand.

    Parameters
    ----------
    subject
        Whose sites.
    study
        The design; how much is explained.
    number
        Of the experiment: another error for each.
    day
        `EARLY` or `LATE`.
    """
    rng = generator(study.seed, "coverage", number, "predictions", day)
    rates = subject.clean_hz[:, subject.electrode]
    z = (rates - rates.mean(axis=0)) / rates.std(axis=0)
    error = np.stack([_error_of(z, site, rng) for site in range(z.shape[1])], axis=1)
    explained = study.explained[day]
    return np.asarray(math.sqrt(explained) * z + math.sqrt(1 - explained) * error)


def _error_of(z: Floats, site: int, rng: np.random.Generator) -> Floats:
    others = rng.choice(np.delete(np.arange(z.shape[1]), site), min(_N_MIXED, z.shape[1] - 1), replace=False)
    mixed = z[:, others] @ rng.standard_normal(len(others))
    mixed -= mixed.mean()
    mixed -= (mixed @ z[:, site]) / len(z) * z[:, site]
    return np.asarray(mixed / mixed.std())


__all__ = ["BOUND", "EARLY", "LATE", "Truths", "know", "line_over_epsilon", "predict_clean"]
