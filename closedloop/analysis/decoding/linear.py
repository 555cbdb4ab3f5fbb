"""A linear decoder of category from the responses of many sites, in closed form.

Linear discriminant analysis: each category is a cloud around its own mean, all clouds have one shape (the covariance
over a category's images, noise included), and the category with the largest likelihood is decoded, all being equally
likely beforehand. Rather than least squares on 0 and 1: with many categories least squares hides those that lie
between others (Hastie, Tibshirani and Friedman 2009, section 4.2), and its scores are no likelihoods, so that its
margins have no unit; here a margin is in nats. The covariance is pulled towards the same variance for all sites, as far
as its own error asks for (Ledoit and Wolf 2004), which keeps it invertible however few the images are. One and the same
rule for any number of sites and images, with nothing to tune.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Floats, Indices


@dataclass(frozen=True)
class LinearDecoder:
    """Scores of categories that are linear in the responses: ``score_k(r) = w_k . r + b_k``; the largest is decoded.

    Attributes
    ----------
    weights
        (n_categories, n_sites), in nats per unit of the responses; 0 at sites that the decoder does not use.
    offsets
        (n_categories,), nats.
    shrinkage
        Of the covariance: 0 as it was found, 1 the same variance for all sites.

    Examples
    --------
    >>> import numpy as np
    >>> decoder = LinearDecoder(weights=np.eye(2), offsets=np.zeros(2), shrinkage=0.0)
    >>> responses = np.array([[3.0, 1.0], [0.0, 2.0]])
    >>> decoder.decode(responses), decoder.margin(responses, np.array([0, 0]))
    (array([0, 1]), array([ 2., -2.]))
    """

    weights: Floats
    offsets: Floats
    shrinkage: float

    def scores(self, responses: Floats) -> Floats:
        """Return every category's score, (n, n_categories); a site without weight may be NaN.

        Parameters
        ----------
        responses
            (n, n_sites), as those that the decoder was fitted to.
        """
        used = self.weights.any(axis=0)
        return np.asarray(responses[:, used] @ self.weights[:, used].T + self.offsets)

    def decode(self, responses: Floats) -> Indices:
        """Return the category of the largest score, (n,); of equal ones the first."""
        return np.asarray(self.scores(responses).argmax(axis=1))

    def margin(self, responses: Floats, category: Indices) -> Floats:
        """Return the true category's score minus the best other's, (n,), nats: above 0 where it is decoded.

        Parameters
        ----------
        responses
            (n, n_sites).
        category
            The true ones, (n,).
        """
        return margin_of(self.scores(responses), category)


def fit_decoder(
    responses: Floats, category: Indices, *, n_categories: int, shrinkage: float | None = None
) -> LinearDecoder:
    """Fit a decoder to one response vector an image.

    Parameters
    ----------
    responses
        (n_images, n_sites); a site with a missing value is not used.
    category
        Of each image, (n_images,), from 0 to n_categories - 1.
    n_categories
        At least two.
    shrinkage
        Of the covariance, 0 to 1; None: by Ledoit and Wolf.

    Raises
    ------
    ValueError
        A category has no image, there is but one, or no site varies within the categories.

    Examples
    --------
    Two categories at -1 and +1 of the first site, with noise of SD 0.5 at both sites: w_1 - w_0 is 2 / 0.5^2 = 8 there.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> category = np.arange(20_000) % 2
    >>> responses = rng.normal(0, 0.5, (20_000, 2)) + np.stack([2 * category - 1, 0 * category], axis=1)
    >>> decoder = fit_decoder(responses, category, n_categories=2, shrinkage=0.0)
    >>> (decoder.weights[1] - decoder.weights[0]).round(0) + 0.0
    array([8., 0.])
    """
    counts = np.bincount(category, minlength=n_categories)
    if n_categories < 2 or counts.size > n_categories or not counts.all():
        raise ValueError(
            f"a decoder needs images of each of at least two categories, found {counts.tolist()} images of "
            f"{n_categories} categories"
        )
    used = np.isfinite(responses).all(axis=0)
    known = responses[:, used]
    means = np.stack([known[category == one].mean(axis=0) for one in range(n_categories)])
    within = known - means[category]
    if not within.any():
        raise ValueError("a decoder needs sites that vary within the categories, found none")
    pulled = ledoit_wolf_shrinkage(within) if shrinkage is None else shrinkage
    solved = np.linalg.solve(_shrunk_covariance(within, pulled), means.T).T
    weights = np.zeros((n_categories, responses.shape[1]))
    weights[:, used] = solved
    return LinearDecoder(weights, -0.5 * (solved * means).sum(axis=1), pulled)


def ledoit_wolf_shrinkage(centred: Floats) -> float:
    """Return how far to pull a covariance towards the same variance everywhere: its error over its distance from that.

    Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", their b^2 / d^2.

    Parameters
    ----------
    centred
        Observations whose mean is 0, (n, n_sites).

    Examples
    --------
    Two independent sites of one variance have nothing else to be pulled to:

    >>> import numpy as np
    >>> ledoit_wolf_shrinkage(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]))
    1.0
    """
    n, n_sites = centred.shape
    covariance = centred.T @ centred / n
    level = np.trace(covariance) / n_sites
    distance = ((covariance - level * np.eye(n_sites)) ** 2).sum()
    if distance <= 0:
        return 1.0
    error = ((centred**2).sum(axis=1) ** 2).mean() - (covariance**2).sum()
    return float(min(max(error / n / distance, 0.0), 1.0))


def margin_of(scores: Floats, category: Indices) -> Floats:
    """Return the true category's score minus the best other's, (n,).

    Parameters
    ----------
    scores
        (n, n_categories).
    category
        The true ones, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> margin_of(np.array([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]]), np.array([0, 1]))
    array([ 1., -2.])
    """
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, category] = -np.inf
    return np.asarray(scores[rows, category] - others.max(axis=1))


def strongest_rival(scores: Floats, category: Indices) -> Indices:
    """Return the best category but the true one, (n,).

    Parameters
    ----------
    scores
        (n, n_categories).
    category
        The true ones, (n,).
    """
    others = scores.copy()
    others[np.arange(len(scores)), category] = -np.inf
    return np.asarray(others.argmax(axis=1))


def _shrunk_covariance(centred: Floats, shrinkage: float) -> Floats:
    covariance = centred.T @ centred / len(centred)
    level = np.trace(covariance) / len(covariance)
    return np.asarray((1 - shrinkage) * covariance + shrinkage * level * np.eye(len(covariance)))
