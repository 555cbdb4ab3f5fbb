"""The documents of the study: its settings, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout


class CoverageSettings(Document):
    """settings.json: how often intervals cover and alarms ring, what was asked."""

    kind: Literal["coverage_study"] = "coverage_study"
    code_version: str
    seed: int
    n_experiments: int
    experiments_a_subject: int
    repetitions: tuple[int, ...]
    n_sites: int
    images_per_site: int
    n_anchors: int
    anchor_repetitions: int
    n_clean: int
    n_controls: int
    epsilons: tuple[float, ...]
    cosines: tuple[float, float]
    explained: tuple[float, float]


COVERAGE_INTERVALS = TableLayout(
    kind="coverage_intervals",
    columns={
        "quantity": Column("string", "", "what is estimated"),
        "over": Column("string", "", "what the interval takes for a sample; - where none is claimed"),
        "epsilon": Column("float64", "224-px L2", "budget; NaN where all are pooled"),
        "repetitions": Column("int32", "", "showings of attacked, control and fresh clean images"),
        "n_experiments": Column("int32", "", "simulated experiments"),
        "truth": Column("float64", "", "what the estimator claims to estimate, known exactly, mean over experiments"),
        "bias": Column("float64", "", "mean of the estimate minus the truth"),
        "bias_error": Column("float64", "", "standard error of the bias, over subjects"),
        "spread": Column("float64", "", "root mean square of the estimate minus the truth"),
        "standard_error": Column("float64", "", "root mean square of the standard errors that were reported"),
        "covered": Column("float64", "", "part of the 95 % intervals that hold the truth"),
        "covered_low": Column("float64", "", "95 % interval of that part, by subject"),
        "covered_high": Column("float64", "", "its other end"),
        "below": Column("float64", "", "part of the intervals that lie wholly below the truth"),
        "above": Column("float64", "", "part that lie wholly above it"),
    },
)

COVERAGE_ALARMS = TableLayout(
    kind="coverage_alarms",
    columns={
        "test": Column("string", "", "on what the test was made, and which"),
        "repetitions": Column("int32", "", "showings of attacked, control and fresh clean images"),
        "n_experiments": Column("int32", "", "simulated experiments"),
        "rate": Column("float64", "", "part of the experiments (of their cells) in which it rang"),
        "rate_low": Column("float64", "", "95 % interval of that part, by subject"),
        "rate_high": Column("float64", "", "its other end"),
    },
)
