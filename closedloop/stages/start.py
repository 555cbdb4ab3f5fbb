"""Start: what day 0 begins with. The first queue of clean images and model 0, base model with a calibrated readout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.day_files import MODEL_NAME, QUEUE_NAME
from closedloop.models.checkpoints import open_base_model, save_site_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout
from closedloop.stages.context import StageContext
from closedloop.stages.pool import draw, open_study_pool
from closedloop.stimuli.pools import ImagePool, load_images

_CALIBRATION_IMAGES = 128  # the SD of an output is known to 6 %; only its order of magnitude matters


def run(context: StageContext) -> None:
    """Write queue.json and model.safetensors."""
    pool = open_study_pool(context.study)
    queue = _first_queue(context, pool)
    queue.write(context.working / QUEUE_NAME)
    clean = load_images(pool, tuple(image.image_id for image in queue.clean[:_CALIBRATION_IMAGES]))
    save_site_model(context.working / MODEL_NAME, _model_zero(context, clean))


def _first_queue(context: StageContext, pool: ImagePool) -> ImageQueue:
    wanted, used, available = context.protocol.images, set[str](), pool.images()
    return ImageQueue(
        simulated=context.simulated,
        day=0,
        anchors=draw(available, wanted.anchors, used=used, seed=context.seed("anchors"), place="anchors"),
        normalizers=draw(
            available, wanted.normalizers, used=used, seed=context.seed("normalizers"), place="normalizers"
        ),
        clean=draw(available, wanted.clean_per_day, used=used, seed=context.seed("clean"), place="day 0"),
    )


def _model_zero(context: StageContext, clean: NDArray[np.uint8]) -> SiteModel:
    chosen = context.protocol.base_model
    foreign = Path(context.study.base_model).is_absolute()
    base = open_base_model(
        context.study.base_model, architecture=chosen.architecture if foreign else None, layer=chosen.layer
    )
    model = build_site_model(
        base,
        n_sites=context.protocol.sites.n_sites,
        side_px=context.protocol.images.side_px,
        seed=context.seed("readout"),
    )
    calibrate_readout(model, clean)
    return model
