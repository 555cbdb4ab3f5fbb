"""A site model of a few outputs on images of a few pixels."""

from __future__ import annotations

import torch

from closedloop.artifacts.catalog import MODEL
from closedloop.artifacts.study import StudyPaths
from closedloop.models.backbones import build_classifier, cut
from closedloop.models.checkpoints import save_site_model
from closedloop.models.site_model import BaseModel, SiteModel, build_site_model, calibrate_readout
from tests.unit.days import SIDE_PX, pixels

torch.set_num_threads(1)

LAYER = "layer3.0"
N_SITES = 3


def small_model(*, seed: int = 1) -> SiteModel:
    """Return a calibrated model of three sites."""
    base = BaseModel("small_resnet", LAYER, cut(build_classifier("small_resnet", seed=3), LAYER))
    model = build_site_model(base, n_sites=N_SITES, side_px=SIDE_PX, seed=seed)
    calibrate_readout(model, pixels(32))
    return model


def write_model(paths: StudyPaths, day: int) -> SiteModel:
    """Write model t of a day where the stage before would; return it."""
    model = small_model()
    file = MODEL.published(paths, day)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, model)
    return model
