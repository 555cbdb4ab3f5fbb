"""Start: what day 0 begins with. The first queue of clean images and model 0, base model with a calibrated readout."""

from __future__ import annotations

from collections.abc import Collection

from closedloop.artifacts import catalog
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.protocol.images import Images
from closedloop.models.checkpoints import save_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import build_site_model, calibrate_readout
from closedloop.stages.arms.models import start_models
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.from_protocol.model import base_model_of, members_of, processes_of, recorded_code_of
from closedloop.stages.imported.responses import also_imported, as_responses, fit_start
from closedloop.stages.pool import draw
from closedloop.stages.preference.choice import refuse_few_categories
from closedloop.stimuli.listed import check_drawn
from closedloop.stimuli.pools import ImagePool, load_images

_CALIBRATION_IMAGES = 128  # the SD of an output is known to 6 %; only its order of magnitude matters


def run(context: StageContext) -> None:
    """Write queue.json, model.safetensors and, where arms have networks beside it, one for each."""
    protocol = context.protocol
    recorded = context.read(catalog.STUDY_INPUTS)
    pool = open_study_pool(context.study, context.read(catalog.IMAGE_LIST) if recorded.n_images else None)
    refuse_few_categories(pool.images(), protocol.preference)
    seeds = {role: context.seed(role) for role in ("anchors", "normalizers", "clean", "singles")}
    queue = _first_queue(
        pool, protocol.images, n_singles=protocol.probes.singles_of(0), seeds=seeds, simulated=context.simulated
    )
    imported = context.read(catalog.IMPORTED_IMAGES) if context.has(catalog.IMPORTED_RESPONSES) else None
    not_drawn = set[str]()
    while imported is not None and (again := also_imported(pool, _names(queue), imported)):  # ends with the pool
        not_drawn |= again
        n_singles = protocol.probes.singles_of(0)
        queue = _first_queue(
            pool, protocol.images, n_singles=n_singles, seeds=seeds, simulated=context.simulated, used=not_drawn
        )
    drawn = (*queue.anchors, *queue.normalizers, *queue.clean, *queue.singles)
    check_drawn(pool, [image.image_id for image in drawn])
    context.write(catalog.QUEUE, queue)
    clean = load_images(pool, tuple(image.image_id for image in queue.clean[:_CALIBRATION_IMAGES]))
    inputs = context.path(catalog.STUDY_INPUTS)
    bases = [
        base_model_of(
            protocol.base_model,
            context.study.base_model,
            sha256=recorded.base_model_sha256,
            code=recorded_code_of(protocol.base_model, recorded.code, near=inputs),
        ),
        *members_of(protocol.ensemble, sha256=recorded.member_sha256, near=inputs, code=recorded.code),
    ]
    models = [
        build_site_model(
            base,
            n_sites=protocol.sites.n_sites,
            side_px=protocol.images.side_px,
            seed=context.seed("readout", *([number] if number else [])),
        )
        for number, base in enumerate(bases)
    ]
    for model in models:
        calibrate_readout(model, clean)
    if imported is not None:
        fit_start(
            models,
            as_responses(context.read(catalog.IMPORTED_RATES), imported),
            fit=protocol.fit,
            seeds=[context.seed("imported", number) for number in range(len(models))],
            scratch=context.scratch,
            n_processes=processes_of(context.workers),
            progress=context.progress,
        )
    save_site_model(context.output(catalog.MODEL), SiteEnsemble(models) if len(models) > 1 else models[0])
    for name, beside in start_models(protocol, clean, recorded, near=inputs, seed_of=context.seed).items():
        save_site_model(context.output(catalog.model_of_arms(name)), beside)


def _names(queue: ImageQueue) -> list[str]:
    return [one.image_id for one in (*queue.anchors, *queue.normalizers, *queue.clean, *queue.singles)]


def _first_queue(
    pool: ImagePool,
    wanted: Images,
    *,
    n_singles: int,
    seeds: dict[str, int],
    simulated: bool,
    used: Collection[str] = (),
) -> ImageQueue:
    """Draw day 0's images: first the anchors and normalizers that stay, each by the seed of its role."""
    used, available = set(used), pool.images()
    return ImageQueue(
        simulated=simulated,
        day=0,
        anchors=draw(available, wanted.anchors, used=used, seed=seeds["anchors"], place="anchors"),
        normalizers=draw(available, wanted.normalizers, used=used, seed=seeds["normalizers"], place="normalizers"),
        clean=draw(available, wanted.clean_per_day, used=used, seed=seeds["clean"], place="day 0"),
        singles=draw(available, n_singles, used=used, seed=seeds["singles"], place="day 0"),
    )
