"""A day small enough to work its evaluation out by hand.

Three fresh clean images and an anchor; the anchor and one clean image attacked at site 0, and that clean image at an
output to which no electrode was bound; a Gaussian control of the anchor, which serves both sites.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.stages.context import StageContext
from closedloop.stimuli.pools import ProceduralPool, load_images
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns, write_stimuli

NAN = float("nan")
ROWS = [
    stimulus("clean", "clean", 0),
    stimulus("clean", "clean", 1),
    stimulus("clean", "clean", 2),
    stimulus("clean", "anchor", 3),
    stimulus(
        "attacked",
        "anchor",
        3,
        site_index=0,
        epsilon=2.5,
        predicted_sign=1,
        realised_epsilon=2.4,
        predicted_clean=0.0,
        predicted_attacked=1.5,
    ),
    stimulus(
        "attacked",
        "clean",
        1,
        site_index=0,
        epsilon=2.5,
        predicted_sign=-1,
        realised_epsilon=2.5,
        predicted_clean=1.0,
        predicted_attacked=0.5,
    ),
    stimulus(
        "attacked",
        "clean",
        1,
        site_index=2,
        epsilon=2.5,
        predicted_sign=1,
        realised_epsilon=2.3,
        predicted_clean=1.0,
        predicted_attacked=2.0,
    ),
    stimulus("gaussian", "anchor", 3, epsilon=2.5),
]
# Two repetitions of each, rates in Hz at (site 0, site 1).
RATES = np.array(
    [
        [[10, 0], [10, 20]],
        [[20, 10], [20, 10]],
        [[30, 40], [30, 20]],
        [[20, 30], [20, 30]],
        [[30, 5], [50, 5]],
        [[40, 5], [20, NAN]],
        [[90, 90], [90, 90]],
        [[24, 25], [24, NAN]],
    ]
)
MEANS = np.array([[10, 10], [20, 10], [30, 30], [20, 30], [40, 5], [30, 5], [90, 90], [24, 25]], dtype=float)
# SD over the three fresh clean images: (10, 20, 30) and (10, 10, 30)
SIGMA = np.array([10.0, np.sqrt(400 / 3)])
SITE_OF_ELECTRODE: dict[int, int | None] = {7: 0, 3: 1}
# Two repetitions of each image, in a scrambled order.
ORDER = np.random.default_rng(1).permutation(2 * len(ROWS))
IMAGE_INDEX = np.repeat(np.arange(len(ROWS)), 2)[ORDER]
# Sealed predictions of the clean images at three outputs: site 0's order is foretold, site 1's the other way round.
SEALED = np.array([[1, 0, 5], [2, 0, 5], [3, -1, 5], [9, 9, 9]])


def drawn_images(n: int, *, side_px: int) -> NDArray[np.uint8]:
    """Return computed images: noise leaves some artificial units silent."""
    pool = ProceduralPool(1, side_px=side_px, n_per_category=1)
    return load_images(pool, tuple(image.image_id for image in pool.images())[:n])


def small_day() -> DayResponses:
    """Return the day as evaluation reads it."""
    return DayResponses(
        stimuli=StimulusSet(stimulus_columns(ROWS), pixels(len(ROWS))),
        sites=site_table(0, index_of=SITE_OF_ELECTRODE).chosen(),
        presentations={"image_index": IMAGE_INDEX},
        rates_hz=RATES.reshape(-1, 2)[ORDER],
    )


def write_small_day(made: StageContext, *, spike_ms: tuple[float, ...]) -> None:
    """Write what synthesize and ingest leave of the day.

    Parameters
    ----------
    made
        Whose published folders are written.
    spike_ms
        When electrode 7 fired around every onset; electrode 3 fires at it.
    """
    published, simulated = made.paths, made.simulated
    write_stimuli(published, made.day, ROWS)
    n = len(IMAGE_INDEX)
    onset_s = 1.0 + np.arange(n)
    spike_s = (onset_s[:, None] + np.array(spike_ms) / 1000).ravel()
    electrode = np.r_[np.full(len(spike_s), 7), np.full(n, 3)]
    time_s = np.r_[spike_s, onset_s]
    order = np.argsort(time_s, kind="stable")
    catalog.PREDICTIONS.write(made.path(catalog.PREDICTIONS), {"predicted": SEALED}, simulated=simulated)
    catalog.RESPONSES.write(
        made.path(catalog.RESPONSES),
        {
            "ordinal": np.arange(n),
            "presentation_index": np.arange(n),
            "image_index": IMAGE_INDEX,
            "stimulus_id": stimulus_columns(ROWS)["stimulus_id"][IMAGE_INDEX],
            "repetition": ORDER % 2,
            "onset_s": onset_s,
            "onset_source": ["code"] * n,
            "used": np.ones(n, dtype=bool),
            "reason": [""] * n,
        },
        simulated=simulated,
    )
    counts = RATES.reshape(-1, 2)[ORDER] / 10  # in a tenth of a second
    catalog.COUNTS.write(
        made.path(catalog.COUNTS),
        {"counts": counts, "electrode_id": np.array(list(SITE_OF_ELECTRODE))},
        simulated=simulated,
    )
    catalog.ONSETS.write(
        made.path(catalog.ONSETS),
        {
            "processor": np.array([1]),
            "tick_hz": np.array([30_000.0]),
            "epoch": np.zeros((1, n)),
            "tick": onset_s[None] * 30_000,
            "time_s": onset_s[None],
        },
        simulated=simulated,
    )
    catalog.spikes(1).write(
        made.path(catalog.spikes(1)),
        {
            "electrode_id": electrode[order],
            "epoch": np.zeros(len(order)),
            "tick": np.rint(time_s[order] * 30_000),
            "time_s": time_s[order],
        },
        simulated=simulated,
    )
    sites = site_table(made.day, index_of=SITE_OF_ELECTRODE)
    sites.model_copy(update={"simulated": simulated}).write(made.path(catalog.SITES))
