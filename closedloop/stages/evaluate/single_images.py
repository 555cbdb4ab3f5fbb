"""Rows of image_curves.parquet: single images of a few sites that were shown many times (Figure 3B)."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.single_images.curves import image_curves, image_slopes
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.stages.evaluate.pairs import ImagePairs
from closedloop.stages.evaluate.rows import Row


def image_curve_rows(pairs: ImagePairs) -> list[Row]:
    """Return a row for each site, image and epsilon, the day left out; none where no image was shown many times."""
    own = pairs.select(kind=REPEATED)
    if not len(own.epsilon):
        return []
    curves = image_curves(own.repetitions_clean, own.repetitions_changed, own.predicted_sign)
    sites = image_slopes(
        own.repetitions_clean,
        own.repetitions_changed,
        own.predicted_sign,
        own.epsilon,
        image_index=own.clean_index,
        site_index=own.site_index,
    )
    tests = {(site.site_index, test.index): test for site in sites for test in site.tests}
    rows = []
    for place in np.lexsort((own.epsilon, own.clean_index, own.site_index)).tolist():
        test = tests.get((int(own.site_index[place]), int(own.clean_index[place])))
        rows.append(
            {
                "neuroid_id": own.neuroid_id[place],
                "image_id": own.image_id[place],
                "epsilon": own.epsilon[place],
                "sensitivity": curves.sensitivity[place],
                "standard_error": curves.standard_error[place],
                "interval_low": curves.interval[place, 0],
                "interval_high": curves.interval[place, 1],
                "n_clean": curves.n_clean[place],
                "n_changed": curves.n_changed[place],
                "slope": test.slope if test else np.nan,
                "slope_error": test.standard_error if test else np.nan,
                "degrees": test.degrees if test else 0,
                "p": test.p if test else np.nan,
                "p_corrected": test.p_corrected if test else np.nan,
            }
        )
    return rows
