"""The documents of a sweep: what a subject's study published beside the truth, and the tables over all subjects."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout

ALL_DAYS = -1


class JudgedEstimate(Section):
    """A published estimate with its 95 % interval, and what is true of the very pairs that it is made of."""

    day: int = Field(ge=0)
    epsilon: float
    estimate: str = Field(description="as in intervals.parquet")
    over: Literal["images and sites", "images", "images, one site"]
    site: str = Field(description="neuroid_id; empty for the mean over sites")
    mean: float
    standard_error: float | None
    interval_low: float | None
    interval_high: float | None
    truth: float = Field(description="by the hidden cortex, without noise, sigma")


class JudgedTest(Section):
    """Whether a test of a day said that something is there."""

    day: int = Field(ge=0)
    epsilon: float = Field(description="0 of a sham, and of a test that pools them")
    test: str
    found: float = Field(ge=0, le=1, description="0 or 1; of a test of each site the part of the sites")


class SweptSubject(Document):
    """NAME.json in `shards`: what the study around one simulated subject came to. No study is left of it."""

    kind: Literal["swept_subject"] = "swept_subject"
    code_version: str
    protocol_name: str
    protocol_sha256: str
    subject: str
    cpu_s: float = Field(description="processor time of the study, its own processes included")
    ended_by: str = Field(
        default="",
        exclude_if=operator.not_,
        description="why the study ended before its time: no electrode was reliable, a day was unusable",
    )
    estimates: tuple[JudgedEstimate, ...]
    tests: tuple[JudgedTest, ...]


class SweepSettings(Document):
    """settings.json: a sweep, what was asked."""

    kind: Literal["sweep"] = "sweep"
    code_version: str
    protocols: dict[str, str] = Field(description="name of each, and its hash")
    n_subjects: int
    first_subject: str
    last_subject: str


SWEEP_ESTIMATES = TableLayout(
    kind="sweep_estimates",
    columns={
        "protocol": Column("string", "", "whose studies"),
        "estimate": Column("string", "", "as in intervals.parquet"),
        "over": Column("string", "", "what the interval takes for a sample"),
        "day": Column("int32", "", "recording day; -1: all of them"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of a sham; NaN: all of them"),
        "n_subjects": Column("int32", "", "simulated subjects"),
        "truth": Column("float64", "sigma", "mean over the subjects"),
        "bias": Column("float64", "sigma", "mean of the estimate minus the truth"),
        "bias_error": Column("float64", "sigma", "standard error of the bias, over subjects"),
        "spread": Column("float64", "sigma", "root mean square of the estimate minus the truth"),
        "standard_error": Column("float64", "sigma", "root mean square of those that were published"),
        "covered": Column("float64", "", "part of the 95 % intervals that hold the truth"),
        "covered_low": Column("float64", "", "95 % interval of that part (Wilson), by subject"),
        "covered_high": Column("float64", "", "its other end"),
        "below": Column("float64", "", "part of the intervals that lie wholly below the truth"),
        "above": Column("float64", "", "part that lie wholly above it"),
    },
)

SWEEP_TESTS = TableLayout(
    kind="sweep_tests",
    columns={
        "protocol": Column("string", "", "whose studies"),
        "asked": Column("string", "", "power: there is something; false alarm: there is nothing"),
        "test": Column("string", "", "on what, and which"),
        "day": Column("int32", "", "recording day"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of a sham, and of tests that pool them"),
        "n_subjects": Column("int32", "", "simulated subjects of which it was asked"),
        "rate": Column("float64", "", "part of the subjects (of their sites) in which it said so"),
        "rate_low": Column("float64", "", "95 % interval of that part (Wilson), by subject"),
        "rate_high": Column("float64", "", "its other end"),
    },
)
