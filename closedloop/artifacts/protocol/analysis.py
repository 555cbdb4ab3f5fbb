"""The protocol's sections on fit, evaluation and simulation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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
    ridge: Regularization = Field(description="of the closed-form start")


class Evaluation(Section):
    """What evaluation computes beside the measured estimates."""

    white_box_steps: GradientSteps = Field(
        description="gradient steps of attacks on the hidden cortex (simulation only)"
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
