"""Two sections of the page: how exactly it was shown, and whether intervals hold what they claim."""

from __future__ import annotations

import math

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.tables import Columns
from closedloop.report.layout import PageSection
from closedloop.report.tables import Table
from closedloop.report.wording import count, percent


def exactness_section(sessions: Columns, experiment: OpenExperiment) -> PageSection:
    """Return how exactly the images were shown, a row for whatever showed them, from `ANSWERED_SESSIONS`."""
    table, task = sessions, experiment.document.task
    rows = []
    for front_end in dict.fromkeys(table["front_end"].tolist()):
        own = {name: column[table["front_end"] == front_end] for name, column in table.items()}
        rates = own["refresh_hz"]
        rows.append(
            (
                front_end,
                count(len(rates)),
                f"{rates.min():.1f} to {rates.max():.1f} Hz",
                f"{own['image_px'].min()} to {own['image_px'].max()} px",
                count(int(own["n_trials"].sum())),
                count(int(own["n_off"].sum())),
                count(int(own["n_late"].sum())),
                count(int((own["n_launches"] - 1).sum())),
                count(int((~own["is_finished"].astype(bool)).sum())),
            )
        )
    caption = (
        f"Either image is up for {task.image_ms:g} ms, in whole frames, which are counted and carry time stamps. "
        "A frame is late that comes one and a half frames or more after the one before. A trial is off in time of "
        "which an image or the grey was up too long or too short, by time stamps, by more than a tenth and a frame."
    )
    columns = (
        *(
            "shown by",
            "sessions",
            "frame rate",
            "image on the screen",
            "trials",
            "off in time",
            "with a late frame",
        ),
        *("begun anew", "not finished"),
    )
    return PageSection("exactness", "How exactly it was shown", tables=(Table(columns, tuple(rows), caption),))


def coverage_section(table: Columns) -> PageSection:
    """Return how often intervals hold the truth, from `INTERVAL_CHECKS`."""
    rows = tuple(
        (
            f"{table['observers'][place]}, ε = {table['epsilon'][place]:g}",
            percent(float(table["true_correct"][place])),
            f"{table['true_d_prime'][place]:.2f}",
            *(percent(float(table[name][place])) for name in ("correct", "d_prime", "binomial")),
        )
        for place in range(len(table["epsilon"]))
    )
    n = int(table["n_studies"][0])
    chance = 100 * 1.96 * math.sqrt(0.95 * 0.05 / n)
    caption = (
        f"Part of {count(n)} simulated studies whose 95 % interval holds the truth; by chance alone within "
        f"{chance:.1f} points of 95. Alike: every observer and image has the same d′. Differing: the logarithm of d′ "
        "has an SD of 0.25 over subjects and 0.35 over images, criteria differ, and 4 % of answers are guesses."
    )
    columns = ("simulated observers", "true correct", "true d′", "correct", "d′", "binomial")
    return PageSection(
        "coverage", "Whether the intervals hold what they claim", tables=(Table(columns, rows, caption),)
    )
