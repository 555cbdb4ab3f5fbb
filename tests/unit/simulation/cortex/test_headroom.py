from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.study import StudyDocument
from closedloop.simulation.cortex.electrodes import HEADROOM, CortexBiology
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.subject import simulated_cortex
from tests.unit.days import context


def ceiling_in_sd(biology: CortexBiology) -> float:
    """Return how far the highest rate lies above the mean over clean images, in their SD, of a middling electrode."""
    cortex = HiddenCortex(3, 24, biology)
    rates = cortex.rates_hz(cortex.reference_images, day=0)
    highest = cortex.electrodes.floor_hz + cortex.electrodes.range_hz
    reached = (highest - rates.mean(axis=0)) / rates.std(axis=0)
    return float(sorted(reached)[12])


def test_rates_with_headroom_can_rise_far_above_those_of_natural_images() -> None:
    assert ceiling_in_sd(CortexBiology()) < 4
    assert ceiling_in_sd(HEADROOM) > 7


def test_the_same_subject_is_tuned_alike_with_headroom_and_without(tmp_path: Path) -> None:
    made = context(tmp_path, "plan")
    study: StudyDocument = made.study
    usual = simulated_cortex(made.protocol, study)
    roomy = simulated_cortex(
        made.protocol.model_copy(update={"simulation": made.protocol.simulation.model_copy(update={"headroom": True})}),
        study,
    )
    assert roomy.biology == HEADROOM
    assert usual.biology == CortexBiology()
    assert (roomy.electrodes.mixture == usual.electrodes.mixture).all()
