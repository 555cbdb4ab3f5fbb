"""The protocol's section on gates: from where on each warns and holds.

The numbers are written out, each with its source, in protocols/*.yaml; the defaults here are the same ones, so that a
study of an older version has its gates without another identity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section

_Limit = Annotated[float, Field(ge=-1e6, le=1e6)]


class AtMost(Section):
    """A number that is to be small: above `warn` a gate warns, above `hold` it holds; null for never."""

    warn: _Limit | None
    hold: _Limit | None

    @model_validator(mode="after")
    def _warns_first(self) -> AtMost:
        if self.warn is not None and self.hold is not None and self.warn > self.hold:
            raise ValueError(f"expected to warn at or below {self.hold:g}, where it holds, found warn {self.warn:g}")
        return self


class AtLeast(Section):
    """A number that is to be large: below `warn` a gate warns, below `hold` it holds; null for never."""

    warn: _Limit | None
    hold: _Limit | None

    @model_validator(mode="after")
    def _warns_first(self) -> AtLeast:
        if self.warn is not None and self.hold is not None and self.warn < self.hold:
            raise ValueError(f"expected to warn at or above {self.hold:g}, where it holds, found warn {self.warn:g}")
        return self


class Gates(Section):
    """From where on each gate warns and holds; decides no stage's result."""

    simulated: Literal["go_on", "hold"] = Field(
        default="go_on", description="whether a simulated study passes its gates by itself and says so, or holds"
    )
    # preflight: before a session is shown
    attack_budget: AtMost = Field(
        default=AtMost(warn=1.0, hold=1.0), description="largest realised epsilon, in budgets, counted from the bytes"
    )
    attack_rounding: AtMost = Field(
        default=AtMost(warn=0.15, hold=0.3),
        description="part of the predicted change that whole grey levels cost, at the worst epsilon",
    )
    attack_luminance: AtMost = Field(
        default=AtMost(warn=0.01, hold=0.03),
        description="median shift of mean brightness by attacks, pixel values in [0, 1], at the worst epsilon",
    )
    attack_clipping: AtMost = Field(
        default=AtMost(warn=0.05, hold=0.2),
        description="part of an image's values that its attack drove to black or white, mean at the worst epsilon",
    )
    twins_scheduled: AtLeast = Field(
        default=AtLeast(warn=1.0, hold=0.5),
        description="least time between an image and its changed one as scheduled, in parts of twin_separation_min",
    )
    image_reuse: AtMost = Field(
        default=AtMost(warn=0.0, hold=0.0),
        description="images that are shown again though they should be new, or attacked though a fit has seen them",
    )
    hours: AtMost = Field(
        default=AtMost(warn=1.0, hold=1.2),
        description="the session's length in parts of trial.hours_per_day, at the pace of the days before",
    )
    disk: AtLeast = Field(
        default=AtLeast(warn=2.0, hold=1.1), description="free space, in parts of what the day is going to write"
    )
    # intake: when the session is ingested
    recording_whole: AtMost = Field(
        default=AtMost(warn=0.0, hold=0.05),
        description="part of the accepted presentations that a processor's files do not reach or have a gap at",
    )
    recording_aligned: AtMost = Field(
        default=AtMost(warn=1.0, hold=5.0), description="interquartile range of the codes around the fitted clock, ms"
    )
    lost_codes: AtMost = Field(
        default=AtMost(warn=0.02, hold=0.1),
        description="part of the codes sent that a processor did not receive, or with flipped bits",
    )
    photodiode_seen: AtMost = Field(
        default=AtMost(warn=0.02, hold=0.2),
        description="part of the presentations without an edge of the photodiode, where day 0 has one",
    )
    photodiode_latency: AtMost = Field(
        default=AtMost(warn=4.0, hold=12.0),
        description="change of the median time from code to light since day 0, up or down, ms",
    )
    photodiode_jitter: AtMost = Field(
        default=AtMost(warn=2.0, hold=5.0), description="interquartile range of the time from code to light, ms"
    )
    missing_presentations: AtMost = Field(
        default=AtMost(warn=0.02, hold=0.05),
        description="part of the accepted presentations that a processor cannot answer for; ingest refuses more than "
        "recording.max_missing_fraction",
    )
    site_yield: AtLeast = Field(
        default=AtLeast(warn=0.8, hold=0.5),
        description="sites of at least half of sites.min_reliability in parts of day 0's, an array at a time; on day 0 "
        "those chosen in parts of sites.n_sites",
    )
    site_reliability: AtLeast = Field(
        default=AtLeast(warn=0.8, hold=0.6),
        description="median reliability of the sites in parts of day 0's, an array at a time",
    )
    rate_drift: AtMost = Field(
        default=AtMost(warn=0.5, hold=1.0),
        description="median over sites of the change of rate since day 0, up or down, in octaves",
    )
    normalizer_drift: AtMost = Field(
        default=AtMost(warn=0.5, hold=1.0),
        description="median over sites of the change of the mean over normalizers since the day before, in SDs over "
        "them, and of the change of that SD in octaves",
    )
    site_identity: AtLeast = Field(
        default=AtLeast(warn=0.9, hold=0.75),
        description="part of the sites, of those that can be told, that answer normalizers and anchors as on day 0; "
        "one that does not warns by itself, and holds where it answers as another electrode did",
    )
    twins_shown: AtMost = Field(
        default=AtMost(warn=0.01, hold=0.1),
        description="part of the changed images shown nearer to their clean one than twin_separation_min",
    )
    # review: when the session is evaluated
    refit_better: AtLeast = Field(
        default=AtLeast(warn=-0.01, hold=-0.03),
        description="mean r of the refitted model on the day's held-out images minus that of the model before; it "
        "holds where the whole 95 % interval is below",
    )
    sensitivity_controls: AtLeast = Field(
        default=AtLeast(warn=2.0, hold=1.0),
        description="attacks above controls of the largest epsilon, in standard errors of the difference",
    )
    estimators_agree: AtLeast = Field(
        default=AtLeast(warn=0.75, hold=0.5),
        description="the paper's estimate in parts of the cross-fitted one, at the largest epsilon; judged is what it "
        "is surely below, by the 95 % interval",
    )
    map_fit: AtMost = Field(
        default=AtMost(warn=0.01, hold=None),
        description="part of random orders of the sites in which the sealed predictions of clean images fit as well",
    )
