"""Sensitivity of one site to perturbations of one image, s_i(x, epsilon), and its slope over epsilon.

Of a single image nothing averages the noise away but its own repetitions: their spread on either side is the error.
The sign is the one that was sealed before the session, as everywhere, so that noise is not counted as sensitivity;
where it was wrong, the value is negative and the image's true sensitivity larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.intervals import student_95
from closedloop.analysis.slopes import PairSlopes, SlopeTest, pair_slopes, slopes_by_image


@dataclass(frozen=True)
class ImageCurves:
    """A row a (site, image, epsilon), in the order of the pairs.

    Attributes
    ----------
    sensitivity
        Sealed sign times changed minus clean, in sigma, (n_pairs,); NaN where a response is missing.
    standard_error
        By the repetitions of both images, (n_pairs,); NaN where one was shown once.
    interval
        95 %, by Student's t with Welch's degrees of freedom, (n_pairs, 2).
    n_clean, n_changed
        Repetitions that count, (n_pairs,).
    """

    sensitivity: Floats
    standard_error: Floats
    interval: Floats
    n_clean: Indices
    n_changed: Indices


def image_curves(clean: Floats, changed: Floats, sign: Indices) -> ImageCurves:
    """Return how far each attack moved its site, with the error that its repetitions tell.

    Parameters
    ----------
    clean, changed
        Repetitions of either image of a pair in sigma, (n_pairs, n_repetitions); NaN where there is none.
    sign
        Sealed sign of each pair, (n_pairs,).

    Examples
    --------
    >>> import numpy as np
    >>> curves = image_curves(np.array([[0.0, 0.2]]), np.array([[-1.0, -1.2]]), np.array([-1]))
    >>> float(curves.sensitivity[0].round(3)), float(curves.standard_error[0].round(3))
    (1.2, 0.141)
    """
    (n_x, mean_x, noise_x), (n_y, mean_y, noise_y) = (_moments(rates) for rates in (clean, changed))
    sensitivity, noise = np.sign(sign) * (mean_y - mean_x), noise_x + noise_y
    free = noise_x**2 / np.maximum(n_x - 1, 1) + noise_y**2 / np.maximum(n_y - 1, 1)
    degrees = np.divide(noise**2, free, out=np.zeros(len(noise)), where=free > 0)
    half = np.sqrt(noise) * np.array([student_95(int(one)) for one in degrees])
    return ImageCurves(
        sensitivity, np.sqrt(noise), np.stack([sensitivity - half, sensitivity + half], axis=1), n_x, n_y
    )


@dataclass(frozen=True)
class ImageSlopes:
    """The slopes of one site's images.

    Attributes
    ----------
    site_index
        Which site.
    tests
        One an image, corrected by Holm over the images of this site.
    noise
        Variance of each image's slope by its repetitions, in the order of `tests`, (n_images,).
    """

    site_index: int
    tests: tuple[SlopeTest, ...]
    noise: Floats

    @property
    def slopes(self) -> Floats:
        """The slopes, (n_images,)."""
        return np.array([test.slope for test in self.tests])

    @property
    def n_tested(self) -> int:
        """Images whose slope has an error."""
        return sum(np.isfinite(test.p) for test in self.tests)

    def n_positive(self, *, corrected: bool) -> int:
        """Count the images whose slope is significantly above zero, before or after the correction.

        Parameters
        ----------
        corrected
            For the number of images.
        """
        return sum(
            test.slope > 0 and (test.p_corrected if corrected else test.p) < _LEVEL
            for test in self.tests
            if np.isfinite(test.p)
        )


_LEVEL = 0.05


def image_slopes(
    clean: Floats, changed: Floats, sign: Indices, epsilon: Floats, *, image_index: Indices, site_index: Indices
) -> tuple[ImageSlopes, ...]:
    """Test the slope over epsilon of each image at each site, against the noise of its repetitions.

    Parameters
    ----------
    clean, changed, sign, epsilon, image_index, site_index
        See `pair_slopes`.

    Returns
    -------
    tuple[ImageSlopes, ...]
        One a site, ascending.

    Examples
    --------
    An image that moves the site with epsilon, and one that does not:

    >>> import numpy as np
    >>> noise = np.tile([-0.1, 0.1], 5)
    >>> (site,) = image_slopes(
    ...     np.stack([noise] * 4),
    ...     np.stack([noise, noise + 1, noise, noise]),
    ...     np.ones(4, int),
    ...     np.array([1.0, 10.0, 1.0, 10.0]),
    ...     image_index=np.array([0, 0, 1, 1]),
    ...     site_index=np.zeros(4, int),
    ... )
    >>> [round(test.slope, 3) for test in site.tests], site.n_positive(corrected=True)
    ([0.111, 0.0], 1)
    """
    slopes = pair_slopes(clean, changed, sign, epsilon, image_index=image_index, site_index=site_index)
    return tuple(_of_site(slopes, site) for site in np.unique(slopes.site_index).tolist())


def _of_site(slopes: PairSlopes, site: int) -> ImageSlopes:
    own = slopes.site_index == site
    one = PairSlopes(
        slopes.image_index[own], slopes.site_index[own], slopes.slope[own], slopes.noise[own], slopes.degrees[own]
    )
    return ImageSlopes(site, slopes_by_image(one), one.noise)  # both by image, ascending


def _moments(rates: Floats) -> tuple[Indices, Floats, Floats]:
    """Return the repetitions that count, their mean, and the mean's noise variance, (n_pairs,) each."""
    known = np.isfinite(rates)
    n = known.sum(axis=1)
    mean = np.divide(np.where(known, rates, 0.0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(known, (rates - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return n, mean, np.divide(squares, n * (n - 1), out=np.full(len(n), np.nan), where=n > 1)
