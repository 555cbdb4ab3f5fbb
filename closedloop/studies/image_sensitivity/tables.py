"""Tables of the study: single images, sites, and the hidden truth beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.predictivity import correlation
from closedloop.analysis.single_images.curves import image_curves, image_slopes
from closedloop.analysis.slopes import holm, pair_slopes
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.report.single_images.numbers import SiteImages, images_by_site
from closedloop.studies.image_sensitivity.documents import SITE_SLOPES, TRUE_SLOPES
from closedloop.studies.image_sensitivity.gather import GatheredPairs


def curves_table(pairs: GatheredPairs) -> Columns:
    """Return a row a (site, image, epsilon), with the slope of its image in each."""
    curves = image_curves(pairs.clean, pairs.changed, pairs.sign)
    slopes = image_slopes(
        pairs.clean,
        pairs.changed,
        pairs.sign,
        pairs.epsilon,
        image_index=pairs.image_index,
        site_index=pairs.site_index,
    )
    tests = {(site.site_index, test.index): test for site in slopes for test in site.tests}
    own = [tests[key] for key in zip(pairs.site_index.tolist(), pairs.image_index.tolist(), strict=True)]
    return {
        "day": np.full(len(own), pairs.day, dtype=np.int32),
        "neuroid_id": _named(pairs.sites, pairs.site_index),
        "image_id": _named(pairs.image_ids, pairs.image_index),
        "epsilon": pairs.epsilon,
        "sensitivity": curves.sensitivity,
        "standard_error": curves.standard_error,
        "interval_low": curves.interval[:, 0],
        "interval_high": curves.interval[:, 1],
        "n_clean": curves.n_clean.astype(np.int32),
        "n_changed": curves.n_changed.astype(np.int32),
        "slope": np.array([test.slope for test in own]),
        "slope_error": np.array([test.standard_error for test in own]),
        "degrees": np.array([test.degrees for test in own], dtype=np.int32),
        "p": np.array([test.p for test in own]),
        "p_corrected": np.array([test.p_corrected for test in own]),
    }


def sites_table(curves: Columns) -> Columns:
    """Return a row a site, from the table of single images."""
    sites = images_by_site(curves)
    corrected = holm(np.array([one.p for one in sites]))
    rows = [_site_row(one, float(p)) for one, p in zip(sites, corrected, strict=True)]
    return as_arrays(rows, SITE_SLOPES)


def truth_table(pairs: GatheredPairs, curves: Columns) -> Columns:
    """Return the hidden slopes of each site's images, and how well the measured ones follow them.

    Parameters
    ----------
    pairs
        With what the hidden cortex did.
    curves
        The table of single images, in the same order.
    """
    none = np.zeros((len(pairs.true_change), 1))
    slopes = pair_slopes(
        none,
        pairs.true_change[:, None],
        pairs.sign,
        pairs.epsilon,
        image_index=pairs.image_index,
        site_index=pairs.site_index,
    )
    keys = list(zip(pairs.site_index.tolist(), pairs.image_index.tolist(), strict=True))
    measured = dict(zip(keys, curves["slope"].tolist(), strict=True))
    own = np.array([measured[key] for key in zip(slopes.site_index.tolist(), slopes.image_index.tolist(), strict=True)])
    rows = []
    for site in np.unique(slopes.site_index).tolist():
        at = slopes.site_index == site
        both = np.isfinite(own[at]) & np.isfinite(slopes.slope[at])
        hidden = slopes.slope[at][both]
        rows.append(
            {
                "neuroid_id": pairs.sites[site],
                "slope": float(hidden.mean()) if len(hidden) else np.nan,
                "spread": float(hidden.std(ddof=1)) if len(hidden) > 1 else np.nan,
                "n_positive": int((hidden > 0).sum()),
                "n_images": len(hidden),
                "r": float(correlation(own[at][both][:, None], hidden[:, None])[0]) if len(hidden) > 2 else np.nan,
            }
        )
    return as_arrays(rows, TRUE_SLOPES)


def _site_row(one: SiteImages, p_corrected: float) -> dict[str, Any]:
    return {
        "neuroid_id": one.neuroid_id,
        "n_images": len(one.marks),
        "n_clean": one.n_clean,
        "n_changed": one.n_changed,
        "slope": one.slope,
        "standard_error": one.standard_error,
        "p": one.p,
        "p_corrected": p_corrected,
        "n_above": one.n_above,
        "n_tested": one.n_images,
        "n_positive": one.n_positive,
        "n_positive_corrected": one.n_positive_corrected,
        "spread": one.spread.sd,
        "spread_low": one.spread.interval[0],
        "spread_high": one.spread.interval[1],
        "spread_share": one.spread.share,
    }


def _named(names: tuple[str, ...], index: NDArray[np.int64]) -> NDArray[Any]:
    return np.array(names, dtype=object)[index]
