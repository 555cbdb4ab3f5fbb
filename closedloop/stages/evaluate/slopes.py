"""Rows of slopes.parquet: how steeply each site's change, and each image's, grows with epsilon."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.slopes import SlopeTest, pair_slopes, slopes_by_image, slopes_by_site
from closedloop.stages.evaluate.pairs import ImagePairs
from closedloop.stages.evaluate.rows import Row


def slope_rows(pairs: ImagePairs) -> list[Row]:
    """Return a row for each site and one for each attacked image, the day left out; none with a single epsilon.

    Parameters
    ----------
    pairs
        Of the day so far. Attacks of anchors and of fresh images count, at the sites that they were made for.
    """
    own = pairs.select(kind="attacked")
    if len(np.unique(own.epsilon)) < 2:
        return []
    slopes = pair_slopes(
        own.repetitions_clean,
        own.repetitions_changed,
        own.predicted_sign,
        own.epsilon,
        image_index=own.clean_index,
        site_index=own.site_index,
    )
    sites = dict(zip(own.site_index.tolist(), own.neuroid_id.tolist(), strict=True))
    images = dict(zip(own.clean_index.tolist(), own.image_id.tolist(), strict=True))
    return [
        *(_row("site", sites[test.index], test) for test in slopes_by_site(slopes)),
        *(_row("image", images[test.index], test) for test in slopes_by_image(slopes)),
    ]


def _row(of: str, name: str, test: SlopeTest) -> Row:
    return {
        "of": of,
        "name": name,
        "slope": test.slope,
        "standard_error": test.standard_error,
        "degrees": test.degrees,
        "p": test.p,
        "p_corrected": test.p_corrected,
    }
