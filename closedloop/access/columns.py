"""What the columns of a study's DataFrames say, with types and units; docs/columns.md shows them."""

from __future__ import annotations

from collections.abc import Mapping

from closedloop.artifacts.day.arms.tables import ARM_EFFECTS as ARMS_FILE
from closedloop.artifacts.day.arms.tables import ARM_FORETOLD as FORETOLD_FILE
from closedloop.artifacts.day.arms.tables import ARM_OBJECTIVE_EFFECTS as ARM_OBJECTIVES_FILE
from closedloop.artifacts.day.evaluation import PAIRS as PAIRS_FILE
from closedloop.artifacts.day.evaluation import SENSITIVITY as SENSITIVITY_FILE
from closedloop.artifacts.day.evolution.tables import EVOLUTION_EFFECTS as EVOLUTION_FILE
from closedloop.artifacts.day.evolution.tables import EVOLUTION_GAINS as GAINS_FILE
from closedloop.artifacts.day.objectives.tables import OBJECTIVE_EFFECTS as OBJECTIVES_FILE
from closedloop.artifacts.day.population.sealed import POPULATION_EFFECTS as POPULATION_FILE
from closedloop.artifacts.day.responses import RESPONSES as RESPONSES_FILE
from closedloop.artifacts.day.stimuli import STIMULI as STIMULI_FILE
from closedloop.artifacts.layouts import Column

_RESPONSE, _STIMULUS = RESPONSES_FILE.columns, STIMULI_FILE.columns

PRESENTATIONS: Mapping[str, Column] = {
    "trial": Column("int64", "", "held fixation of the session, from 0"),
    "position": Column("int64", "", "place within the trial, from 0"),
    "presentation_index": Column("int32", "", "planned presentation: row of presentations.parquet"),
    "image_index": Column("int32", "", "image shown: row of `Study.stimuli` and `Study.images`"),
    "stimulus_id": _RESPONSE["stimulus_id"],
    "repetition": Column("int32", "", "which showing of this image, from 0"),
    "kind": _STIMULUS["kind"],
    "role": _STIMULUS["role"],
    "category": _STIMULUS["category"],
    "image_id": _STIMULUS["image_id"],
    "clean_index": Column("int32", "", "underlying image: row of `Study.stimuli`"),
    "attacked_site": Column("string", "", "neuroid_id of the site that an attack is made for; empty for other kinds"),
    "epsilon": _STIMULUS["epsilon"],
    "outcome": Column("string", "", "accepted or rejected by the rig"),
    "used": Column("bool", "", "whether the response counts"),
    "reason": _RESPONSE["reason"],
    "onset_s": _RESPONSE["onset_s"],
    "onset_source": _RESPONSE["onset_source"],
    "rig_onset_s": Column("float64", "s", "flip that put the image on, on the rig's clock"),
    "rig_offset_s": Column("float64", "s", "flip that took it off, on the rig's clock"),
    "on_frames": Column("int64", "frames", "how long the image was up"),
    "code": Column("int64", "", "digital code that was sent with it"),
}
"""`Study.presentations`, indexed by ``ordinal``."""

SITES: Mapping[str, Column] = {
    "electrode_id": Column("int64", "", "the recorder's number; each of its processors has its own count"),
    "reliability": Column("float64", "", "Spearman-Brown split half of this day; NaN where it cannot be computed"),
    "mean_rate_hz": Column("float64", "Hz", "mean over this day's clean images"),
    "sigma_hz": Column("float64", "Hz", "SD over the clean images' mean rates"),
    "site_index": Column("Int64", "", "output of the model; missing for electrodes that were not chosen on day 0"),
    "processor": Column("int64", "", "which of the recorder's processors it is wired to, from 1"),
    "label": Column("string", "", "its name in the recorder's files"),
    "row": Column("Int64", "", "place on the array by its map (.cmp); missing without one"),
    "column": Column("Int64", "", "likewise"),
}
"""`Study.sites`, indexed by ``neuroid_id``."""

STIMULI: Mapping[str, Column] = {name: column for name, column in _STIMULUS.items() if name != "image_index"}
"""`Study.stimuli`, indexed by ``image_index``."""

SENSITIVITY: Mapping[str, Column] = SENSITIVITY_FILE.columns
"""`Study.sensitivity`; ``truth`` only where it is asked for."""

_OF_SESSION: Mapping[str, Column] = {
    "day": Column("int64", "", "recording day"),
    "session": Column("int64", "", "session of the day, from 1"),
}

PAIRS: Mapping[str, Column] = {"day": Column("int64", "", "recording day"), **PAIRS_FILE.columns}
"""`Study.pairs`; ``true_change`` only where it is asked for."""

POPULATION: Mapping[str, Column] = {**_OF_SESSION, **POPULATION_FILE.columns}
"""`Study.population`; the columns that begin with ``true_`` only where they are asked for."""

OF_ARM_OBJECTIVE: Mapping[str, Column] = {
    "objective_kind": Column("string", "", "what the image was to attain: attack, or the kind of the arm's objective"),
    **{name: ARM_OBJECTIVES_FILE.columns[name] for name in ("target", "target_sd")},
    "is_reached": Column("bool", "", "of a level, whether the arm's model says so of the bytes; false of others"),
}
"""What `Study.arms` says of arms with an objective."""

ARMS: Mapping[str, Column] = {
    **_OF_SESSION,
    **ARMS_FILE.columns,
    **OF_ARM_OBJECTIVE,
}
"""`Study.arms`; ``true_change`` only where it is asked for."""

FORETOLD: Mapping[str, Column] = {**_OF_SESSION, **FORETOLD_FILE.columns}
"""`Study.foretold`."""

EVOLUTION: Mapping[str, Column] = {**_OF_SESSION, **EVOLUTION_FILE.columns}
"""`Study.evolution`; ``true_hz`` only where it is asked for."""

EVOLUTION_GAINS: Mapping[str, Column] = {**_OF_SESSION, **GAINS_FILE.columns}
"""`Study.evolution_gains`; ``true_difference`` only where it is asked for."""

OBJECTIVES: Mapping[str, Column] = {**_OF_SESSION, **OBJECTIVES_FILE.columns}
"""`Study.objectives`; the columns that begin with ``true_`` only where they are asked for."""

DATA_FRAMES: Mapping[str, tuple[Mapping[str, Column], str]] = {
    "presentations": (
        PRESENTATIONS,
        "A row a presentation, rejected ones included, indexed by `ordinal`: the count of presentations begun in the "
        "session. `Study.responses` has the same rows.",
    ),
    "stimuli": (STIMULI, "A row an image, indexed by `image_index`: the row of `Study.images`."),
    "sites": (SITES, "A row an electrode, the model's first, indexed by `neuroid_id`: array and place, on all days."),
    "sensitivity": (SENSITIVITY, "A row an estimate; the column `truth` only with `truth=True`."),
    "pairs": (PAIRS, "A row a changed image and site; the column `true_change` only with `truth=True`."),
    "population": (
        POPULATION,
        "A row an image that was to mislead a decoder, or noise beside it; columns `true_` only with `truth=True`.",
    ),
    "arms": (ARMS, "A row an image of an arm; the column `true_change` only with `truth=True`."),
    "foretold": (FORETOLD, "A row an attack of an arm and a model, as it was sealed."),
    "evolution": (EVOLUTION, "A row an image that evolved; the column `true_hz` only with `truth=True`."),
    "evolution_gains": (
        EVOLUTION_GAINS,
        "A row a site, then one for all, in a day's last session; the column `true_difference` only with `truth=True`.",
    ),
    "objectives": (
        OBJECTIVES,
        "A row an image that was to attain an objective; columns `true_` only with `truth=True`.",
    ),
}
"""The tables by the name of their method, each with what a row is."""
