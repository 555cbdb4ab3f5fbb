"""The protocol's sections on fit, evaluation and simulation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import (
    BatchSize,
    Count,
    Fraction,
    GradientSteps,
    LearningRate,
    Regularization,
    Seldom,
)
from closedloop.artifacts.protocol.recorder_faults import SimulatedFault

CortexName = Literal["shipped", "other_weights", "recurrent"]
"""The hidden cortices that a simulated study may have (`closedloop.simulation.cortex.kinds`)."""


class Fit(Section):
    """How the model is refitted after each day."""

    readout_start: Literal["random", "closed_form"] = Field(
        description="N(0, 1) as in section 3.1, or a closed-form start after day 0"
    )
    epochs: int = Field(ge=1, le=100_000)
    batch_size: BatchSize
    base_learning_rate: LearningRate
    readout_learning_rate: LearningRate
    weight_decay: float = Field(ge=0, le=1_000)
    decay_images: Count | None = Field(
        default=None,
        description="fitted images up to which weight_decay holds; of more, it falls as their number grows. Left out: "
        "it is the same for all",
    )
    decay_power: float = Field(
        default=1.0, ge=0, le=4, description="how fast it falls: by (decay_images / images) to this power"
    )
    first_epochs: int | None = Field(
        default=None, ge=1, le=100_000, description="epochs of the study's first refit; left out: as of the others"
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="learning rates stay, or fall to zero as half a cosine over each refit"
    )
    shift: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="largest shift of a fitted image along each axis, as a fraction of its side, another one at every "
        "epoch: a cortex whose animal moves its eyes hardly notices, and its model learns that",
    )
    ridge: Regularization = Field(description="of the closed-form start")
    in_rounds: Literal["each", "last"] = Field(
        default="each",
        description="of a day of rounds: after each, or after the last alone, to all of them; until then the model is "
        "handed on as it is, and the animal waits the less",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="parts that each batch is split into, for as many processes or devices; summed in order, so that "
        "how many there are changes no byte. Another number rounds otherwise",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="of the pass through the network; bfloat16 is faster where the hardware multiplies matrices in it",
    )
    train: str = Field(
        default="all",
        max_length=200,
        pattern=r"^(all|readout|from [A-Za-z0-9_.]+)$",
        description="what is fitted: all, readout, or from LAYER (of ours: from layer4) everything from there on; "
        "features of what is not are computed once a refit, unless images are shifted",
    )

    @model_validator(mode="after")
    def _shards_have_images(self) -> Fit:
        if self.shards > self.batch_size:
            raise ValueError(f"shards: expected at most batch_size ({self.batch_size}), found {self.shards}. Lower it")
        return self


class Evaluation(Section):
    """What evaluation computes beside the measured estimates."""

    white_box_steps: GradientSteps = Field(
        description="gradient steps of attacks on the hidden cortex (simulation only)"
    )
    white_box_search: Literal["cosine", "strengthened"] = Field(
        default="cosine", description="how it is attacked; strengthened: section 3.2's, white_box_steps in each ball"
    )
    white_box_restarts: int = Field(
        default=1, ge=1, le=1_000, description="random starts of each of its attacks; the best is kept"
    )
    unit_steps: GradientSteps = Field(description="gradient steps of attacks on artificial units")
    n_units: Count = Field(description="penultimate units of each network that are attacked")
    other_site: bool = Field(
        default=False,
        description="attacks at the sites that they were not made for, as a control that costs no presentation",
    )


class Simulation(Section):
    """The simulated monkey and array; absent from a real experiment's use."""

    n_electrodes: int = Field(ge=1, le=128)
    ignore_probability: Seldom
    leave_early_probability: Seldom
    clock_drift_ppm: float = Field(ge=-200, le=200)
    lost_codes: Fraction
    doubled_codes: Fraction
    display_lag_ms: float = Field(ge=0, le=50, description="display latency: flip to photodiode onset")
    n_processors: int = Field(default=1, ge=1, le=2, description="of the recorder; each writes files of its own")
    recorder_faults: tuple[SimulatedFault, ...] = Field(default=(), description="what goes wrong with the recorder")
    cortex: CortexName = Field(
        default="shipped",
        description="the hidden cortex; other_weights: the same trained from another seed; recurrent: of another kind, "
        "on which nothing is tuned",
    )
    headroom: bool = Field(
        default=False,
        description="rates can rise far above those of natural images, which reach the foot of the curve alone",
    )
