"""What the stages of a day do with a network from elsewhere, from the protocol's section to attacks on the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.attacks.largest_change import Target, largest_changes
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack, predict
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.stages.from_protocol.model import base_model_of
from closedloop.stages.from_protocol.networks import code_of
from closedloop.stimuli.procedural import ProceduralPool
from closedloop.training.closed_form import start_readout
from closedloop.training.end_to_end import RefitRecipe, Responses, refit
from tests.loop.test_networks import FROM_ELSEWHERE, NETWORK, OWN_CODE, export
from tests.unit.models.networks.zoo_networks import needs_zoo

torch.set_num_threads(1)
EPSILON, SIDE_PX = 0.5, 32

CASES = [pytest.param(name, marks=[] if name in OWN_CODE else [needs_zoo]) for name in FROM_ELSEWHERE]


def pictures(n: int) -> Any:
    pool = ProceduralPool(side_px=SIDE_PX, seed=0, n_categories=n, n_per_category=1)
    return np.stack([pool.load(image.image_id) for image in pool.images()])


@pytest.mark.parametrize("name", CASES)
def test_a_network_of_a_protocol_is_started_fitted_written_read_and_attacked(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "inputs"
    kept.mkdir()
    (kept / "net.py").write_text(NETWORK)
    if name == "exported":
        export(kept)
    section = parse_yaml(FROM_ELSEWHERE[name].encode(), place=name, error=ValueError, remedy="")  # type: ignore[arg-type]
    choice = validate(BaseModelChoice, section, place=name)
    base = base_model_of(choice, choice.weights, code=code_of(choice, near=kept, sha256=None))
    model = build_site_model(base, n_sites=2, side_px=SIDE_PX, seed=0)
    images, responses = pictures(24), np.random.default_rng(0).normal(size=(24, 2)).astype(np.float32)
    calibrate_readout(model, images)
    start_readout(model, images, responses)
    before = float(np.square(predict(model, images) - responses).mean())
    assert before < 1  # less than the responses' own variance: it is fitted
    recorded = Responses(images, responses, np.full((24, 2), 2, dtype=np.float32))
    report = refit(
        model,
        recorded,
        recorded,
        recipe=RefitRecipe(epochs=1, batch_size=8, base_learning_rate=1e-4, readout_learning_rate=1e-4),
        seed=0,
        checkpoint=tmp_path / "training.pt",
        progress=lambda _progress: None,
    )
    assert len(report.losses) == 1
    assert np.isfinite(report.losses).all()
    save_site_model(tmp_path / "model.safetensors", model)
    read = load_site_model(tmp_path / "model.safetensors")
    assert isinstance(read, SiteModel)
    assert np.array_equal(predict(read, images), predict(model, images))
    frozen = freeze_for_attack(read)
    found = largest_changes(
        frozen,
        [Target(image_index=0, output_index=1, name="one")],
        images[:1],
        radii=[EPSILON],
        method=Method(search=replace(COSINE, steps=5)),
        batch_size=4,
        warm_start=False,
    )
    assert float(found.up.min()) > 0 > float(found.down.max())
