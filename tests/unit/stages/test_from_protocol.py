"""What a protocol's sections become: settings of the attack engine, the refit, the models, the recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.attacks.gradients.estimators import Averaged, Blurred, GradientEstimator, Plain, SoftRelu
from closedloop.attacks.gradients.members import EqualMembers
from closedloop.attacks.gradients.transforms import Noise, Scale, Shift
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import ANNEALED, COSINE, PAPER31, STRENGTHENED, Schedule
from closedloop.errors import CheckpointError
from closedloop.models.shipped import shipped_weights
from closedloop.stages.from_protocol.attack import (
    estimator_of,
    lattice_of,
    method_of,
    probe_method_of,
    white_box_search_of,
)
from closedloop.stages.from_protocol.model import base_model_of, recipe_of
from closedloop.stages.from_protocol.recording import raw_electrodes_on, response_window_s
from closedloop.training.end_to_end import RefitRecipe

PROTOCOLS = Path(__file__).parents[3] / "protocols"


def test_the_papers_protocol_asks_for_its_own_search_and_the_models_own_gradient() -> None:
    """Section 3.1: random starts, 100 steps of epsilon / 3."""
    attack = read_protocol(PROTOCOLS / "guo2022.yaml").attack
    assert method_of(attack) == Method(replace(PAPER31, steps=100, step_fraction=attack.step_fraction), Plain())
    assert attack.step_fraction == pytest.approx(1 / 3, abs=1e-9)


def test_the_hidden_cortex_is_attacked_as_before_there_was_a_choice_unless_a_protocol_chooses() -> None:
    evaluation = read_protocol(PROTOCOLS / "guo2022.yaml").evaluation
    before = evaluation.model_copy(update={"white_box_search": "cosine", "white_box_restarts": 1})
    assert white_box_search_of(before) == replace(COSINE, steps=10)
    chosen = evaluation.model_copy(
        update={"white_box_search": "strengthened", "white_box_restarts": 3, "white_box_steps": 7}
    )
    assert white_box_search_of(chosen) == replace(STRENGTHENED, restarts=3, steps=7)


def test_the_dry_run_follows_what_it_says() -> None:
    attack = read_protocol(PROTOCOLS / "dry_run.yaml").attack.model_copy(update={"steps": 9})
    assert method_of(attack) == Method(
        replace(COSINE, steps=9, step_fraction=1.0),
        Blurred(0.025, EqualMembers(SoftRelu(3.0, Averaged((Shift(0.094),), samples=1)))),
    )


def test_probes_are_searched_as_the_protocol_says() -> None:
    probes = read_protocol(PROTOCOLS / "dry_run.yaml").probes.model_copy(update={"steps": 6})
    assert probe_method_of(probes) == Method(replace(COSINE, steps=6, step_fraction=1.0), Plain())


def test_steps_on_the_lattice_are_taken_with_the_models_own_gradient_alone() -> None:
    paper, dry_run = (read_protocol(PROTOCOLS / f"{name}.yaml").attack for name in ("guo2022", "dry_run"))
    assert lattice_of(paper.gradient) == LatticeSettings()
    assert lattice_of(dry_run.gradient) == LatticeSettings(steps=0)
    assert lattice_of(Gradient(soft_relu=3)) == LatticeSettings(steps=0)


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("paper31", replace(PAPER31, steps=7, step_fraction=0.5)),
        ("cosine", replace(COSINE, steps=7, step_fraction=0.5)),
        ("annealed", replace(ANNEALED, steps=7, step_fraction=0.5)),
    ],
)
def test_each_search_by_its_name(name: str, search: Schedule) -> None:
    attack = read_protocol(PROTOCOLS / "guo2022.yaml").attack
    changed = attack.model_copy(update={"search": name, "steps": 7, "step_fraction": 0.5})
    assert method_of(changed).search == search


@pytest.mark.parametrize(
    ("gradient", "estimator"),
    [
        (Gradient(), Plain()),
        (Gradient(blur=0.03), Blurred(0.03, Plain())),
        (Gradient(noise=0.1, samples=8), Averaged((Noise(0.1),), samples=8)),
        (Gradient(soft_relu=3), SoftRelu(3.0, Plain())),
        (
            Gradient(shift=0.1, blur=0.03, soft_relu=3),
            Blurred(0.03, SoftRelu(3.0, Averaged((Shift(0.1),)))),
        ),
        (
            Gradient(noise=0.1, blur=0.03, soft_relu=3, equal_members=True),
            Blurred(0.03, EqualMembers(SoftRelu(3.0, Averaged((Noise(0.1),))))),
        ),
        (
            Gradient(shift=0.1, scale=0.2, noise=0.3, blur=0.4, samples=5),
            Blurred(0.4, Averaged((Scale(0.2), Shift(0.1), Noise(0.3)), samples=5)),
        ),
    ],
)
def test_each_gradient_by_its_fields(gradient: Gradient, estimator: GradientEstimator) -> None:
    assert estimator_of(gradient) == estimator


def test_the_window_of_section_3_1_is_a_tenth_of_a_second() -> None:
    assert response_window_s(read_protocol(PROTOCOLS / "guo2022.yaml").recording) == pytest.approx(0.1)


def test_raw_voltage_is_asked_for_by_day() -> None:
    recording = read_protocol(PROTOCOLS / "smoke.yaml").recording
    wanted = recording.model_copy(update={"raw_days": (0, 2), "raw_electrodes": 3})
    assert [raw_electrodes_on(wanted, day) for day in range(3)] == [(1, 2, 3), (), (1, 2, 3)]


def test_a_refit_descends_as_the_protocol_says() -> None:
    fit = read_protocol(PROTOCOLS / "smoke.yaml").fit
    asked = fit.model_copy(update={"epochs": 7})
    expected = RefitRecipe(
        epochs=7, base_learning_rate=1e-3, readout_learning_rate=1e-2, weight_decay=1e-4, batch_size=32
    )
    assert recipe_of(asked, n_images=10, is_first=True) == recipe_of(asked, n_images=10**6, is_first=False) == expected


def test_decay_falls_with_images_and_the_first_refit_has_epochs_of_its_own() -> None:
    fit = read_protocol(PROTOCOLS / "smoke.yaml").fit.model_copy(
        update={
            "weight_decay": 0.3,
            "decay_images": 1000,
            "decay_power": 1.5,
            "first_epochs": 30,
            "schedule": "cosine",
            "shift": 0.03,
        }
    )
    first, later = (recipe_of(fit, n_images=n, is_first=n == 500) for n in (500, 4000))
    assert (first.epochs, first.weight_decay, first.schedule, first.shift) == (30, 0.3, "cosine", 0.03)
    assert (later.epochs, later.weight_decay) == (fit.epochs, pytest.approx(0.3 / 8))


def test_what_is_fitted_in_how_many_shards_and_in_which_precision_is_the_protocols() -> None:
    fit = read_protocol(PROTOCOLS / "smoke.yaml").fit
    asked = fit.model_copy(update={"shards": 4, "precision": "bfloat16", "train": "from layer2"})
    found = recipe_of(asked, n_images=10, is_first=False)
    assert (found.shards, found.precision, found.train) == (4, "bfloat16", "from layer2")


def test_the_architecture_is_asked_of_an_imported_file_and_shipped_weights_know_their_own() -> None:
    choice = read_protocol(PROTOCOLS / "smoke.yaml").base_model
    other = choice.model_copy(update={"architecture": "resnet18"})
    base = base_model_of(other, "small_resnet_vanilla")
    assert (base.architecture, base.layer) == ("small_resnet", "layer3.0")
    with pytest.raises(CheckpointError, match="small_resnet"):
        base_model_of(other, str(shipped_weights("small_resnet_vanilla").resolve()))
