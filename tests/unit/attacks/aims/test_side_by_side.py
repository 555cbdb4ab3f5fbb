"""Two models beside each other as a source that any process can load."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from closedloop.attacks.synthesis.members import ModelsSideBySide
from closedloop.attacks.synthesis.sources import PROCESSOR, InMemory, site_model_file
from closedloop.models.checkpoints import open_base_model, save_site_model
from closedloop.models.site_model import build_site_model

torch.set_num_threads(1)


def test_the_second_models_outputs_come_after_the_first_ones(tmp_path: Path) -> None:
    files = [tmp_path / f"{seed}.safetensors" for seed in (0, 1)]
    for seed, file in enumerate(files):
        base = open_base_model("small_resnet_vanilla", layer="layer3.0")
        save_site_model(file, build_site_model(base, n_sites=3, side_px=32, seed=seed))
    first, second = map(site_model_file, files)
    both = pickle.loads(pickle.dumps(ModelsSideBySide(first, second)))
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        beside = both.load(PROCESSOR)(images)
        alone = [source.load(PROCESSOR)(images) for source in (first, second)]
    torch.testing.assert_close(beside, torch.cat(alone, dim=1))
    assert both.travels
    assert both.name != ModelsSideBySide(second, first).name


def test_it_travels_where_both_do() -> None:
    here = InMemory(torch.nn.Linear(2, 1).eval(), name="here")
    assert not ModelsSideBySide(here, here).travels
