"""Recorded populations made up by a rule, so that what should be found is known."""

from __future__ import annotations

import numpy as np

from closedloop.studies.population.recorded import RecordedPopulation, Stimuli

N_SITES, N_CATEGORIES, N_EACH, N_ANCHORS = 12, 4, 30, 40
SIGNAL = 2.0


def made_up(
    *, moves: dict[str, np.ndarray] | None = None, signal: float = SIGNAL, noise: float = 1.0, seed: int = 0
) -> RecordedPopulation:
    """Return fresh images shown twice, anchors four times, and each anchor changed by some movement, twice.

    Parameters
    ----------
    moves
        Movement of all sites by each kind of change, (n_sites,), at epsilon 10.
    signal
        SD of a category's mean over sites.
    noise
        SD of a presentation.
    """
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(N_CATEGORIES, N_SITES)) * signal
    roles = ["clean"] * (N_CATEGORIES * N_EACH) + ["anchor"] * N_ANCHORS
    category = np.arange(len(roles)) % N_CATEGORIES
    image_z = means[category] + rng.normal(size=(len(roles), N_SITES)) * 0.5
    rows = [("clean", role, place, place, 0.0, image_z[place]) for place, role in enumerate(roles)]
    for kind, movement in (moves or {}).items():
        for place in np.flatnonzero(np.array(roles) == "anchor"):
            rows.append((kind, "anchor", place, place, 10.0, image_z[place] + movement))
    shown = [4 if kind == "clean" and role == "anchor" else 2 for kind, role, *_ in rows]
    stimulus = rng.permutation(np.repeat(np.arange(len(rows)), shown))
    true = np.stack([row[5] for row in rows])
    image = np.array([row[2] for row in rows])
    return RecordedPopulation(
        sites=tuple(f"site-{number}" for number in range(N_SITES)),
        sessions=((0, 1),),
        stimuli=Stimuli(
            session=np.zeros(len(rows), dtype=np.int64),
            image_index=np.arange(len(rows)),
            kind=np.array([row[0] for row in rows]),
            role=np.array([row[1] for row in rows]),
            image_id=np.array([f"image-{place}" for place in image]),
            category=np.array([f"category-{category[place]}" for place in image]),
            epsilon=np.array([row[4] for row in rows]),
            clean=image.astype(np.int64),
        ),
        z=true[stimulus] + rng.normal(size=(len(stimulus), N_SITES)) * noise,
        stimulus=stimulus,
        scales=np.zeros((1, 2, N_SITES)),
        n_left_out=0,
    )
