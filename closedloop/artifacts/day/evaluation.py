"""How far the sites moved (stage `evaluate`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout

SENSITIVITY = TableLayout(
    kind="sensitivity",
    columns={
        "day": Column("int32", "", "recording day"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "estimate": Column("string", "", "paper, cross_fitted, gaussian, linear, true, white_box, *_units"),
        "truth": Column("bool", "", "computed from the hidden cortex or a network, without measurement noise"),
        "image_set": Column("string", "", "anchors, fresh or all: the attacked images it is computed on"),
        "site": Column("string", "", "neuroid_id or unit; empty for the mean over sites"),
        "mean": Column("float64", "sigma", "normalized sensitivity"),
        "standard_error": Column(
            "float64",
            "sigma",
            "of the mean, over image and site pairs; of an RMS near zero no scale for it: there the interval tells",
        ),
        "n_images": Column("int32", "", "different clean images"),
        "n_sites": Column("int32", "", "sites or units averaged"),
        "interval_low": Column(
            "float64",
            "sigma",
            "95 % interval of the mean by image; of an RMS that of the square, rooted",
            since="December 2026",
        ),
        "interval_high": Column(
            "float64", "sigma", "its upper end; not above zero: see interval_low", since="December 2026"
        ),
    },
)


PAIRS = TableLayout(
    kind="attack_pairs",
    columns={
        "stimulus_id": Column("string", "", "attacked or control stimulus"),
        "kind": Column("string", "", "attacked, gaussian or linear"),
        "role": Column("string", "", "anchor or clean"),
        "image_id": Column("string", "", "underlying clean image"),
        "neuroid_id": Column("string", "", "site"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "realised_epsilon": Column("float64", "224-px L2", "from the bytes"),
        "predicted_sign": Column("int32", "", "sealed at synthesis; 0 for controls"),
        "rate_clean_hz": Column("float64", "Hz", "mean over repetitions"),
        "rate_changed_hz": Column("float64", "Hz", "mean over repetitions of the attacked or control image"),
        "change": Column("float64", "sigma", "changed minus clean, normalized"),
        "true_change": Column("float64", "sigma", "from the hidden cortex; NaN in a real experiment"),
        "n_repetitions": Column("int32", "", "usable showings of the changed image"),
    },
)


class EpsilonEvaluation(Section):
    """How the attacks of one epsilon fared."""

    epsilon: float
    n_pairs: int
    sign_agreement_measured: float | None = Field(description="part of pairs whose measured change has the sealed sign")
    sign_agreement_true: float | None = Field(description="the same against the hidden cortex; simulation only")
    realised_epsilon_mean: float
    realised_epsilon_max: float
    mean_attacked_hz: float | None = Field(description="mean rate over the attacked images that were to raise it")
    predicted_change: float = Field(description="mean |predicted change|, z")


class AttainedFraction(Section):
    """What the day's attacks of one epsilon attained of the white-box bound, on the same pairs; simulation only."""

    epsilon: float
    image_set: Literal["anchors", "all"] = Field(description="the attacked images that were attacked again white-box")
    fraction: float | None = Field(description="true / white_box; null where nothing is known")
    interval_low: float | None = Field(
        description="95 % interval over images and sites; null where white_box is less than three standard errors"
    )
    interval_high: float | None = Field(description="its upper end")
    true: float | None = Field(description="mean change of the hidden cortex times the sealed sign, sigma")
    white_box: float | None = Field(description="mean |change| that the cortex's own gradient finds, sigma")
    n_pairs: int
    n_images: int
    n_sites: int


class Example(Section):
    """A clean image, its attack and the measured responses, for the report."""

    neuroid_id: str
    epsilon: float
    clean_index: int
    attacked_index: int
    category: str
    rate_clean_hz: float | None = Field(description="null where it was not recorded; so is the other")
    rate_attacked_hz: float | None


class RasterExample(Section):
    """One row group of Figure 2B: spike times of a site around one stimulus."""

    title: str
    neuroid_id: str
    epsilon: float = Field(description="0 for a clean image")
    image_index: int
    category: str
    spike_times_ms: tuple[tuple[float, ...], ...] = Field(description="by showing, relative to stimulus onset")


class ProbeEvaluation(Section):
    """How right the day's sealed model was on the day's probes: off the clean images that it was fitted to."""

    n: int = Field(ge=0, description="probes of the day")
    n_fitted: int = Field(ge=0, description="those that are fitted afterwards; the others never are")
    epsilon: float
    r_predicted: dict[str, float | None] = Field(
        description="by neuroid_id: the sealed model against the responses to the probes, over all of them"
    )
    r_of_members: tuple[float | None, ...] = Field(
        default=(), exclude_if=operator.not_, description="the same of each member of an ensemble, mean over sites"
    )


class EvaluationReport(Document):
    """evaluation.json: the day's numbers that are not rows of sensitivity.parquet."""

    kind: Literal["evaluation"] = "evaluation"
    day: int
    n_sites: int
    n_attacked: int
    left_out: dict[str, int] = Field(
        default={},
        exclude_if=operator.not_,
        description="what people left out of the evaluation, by its words: responses of a site to a presentation that "
        "it took",
    )
    epsilons: tuple[EpsilonEvaluation, ...]
    attained: tuple[AttainedFraction, ...] = Field(
        default=(), exclude_if=operator.not_, description="of the white-box bound, by epsilon; simulation only"
    )
    sigma_hz: dict[str, float | None] = Field(
        description="by neuroid_id: SD over clean images, measurement noise included (the paper's); null without any"
    )
    sigma_corrected_hz: dict[str, float | None] = Field(
        description="the same with the noise's variance, as repetitions of an image tell it, taken out; null where "
        "nothing is left"
    )
    r_predicted: dict[str, float | None] = Field(
        description="by neuroid_id: the day's sealed model against the responses to clean images it never saw"
    )
    probes: ProbeEvaluation | None = Field(default=None, exclude_if=operator.not_, description="of a day with probes")
    reliability: dict[str, float | None]
    preferred_hz: dict[str, float | None] = Field(description="mean response to the most preferred category")
    random_pair: float | None = Field(
        default=None,
        description="mean |difference| between two random clean images, sigma, mean over sites (Figure 1A)",
    )
    examples: tuple[Example, ...]
    rasters: tuple[RasterExample, ...]
