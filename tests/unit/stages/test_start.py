"""What day 0 begins with: images nobody has seen, and a model whose outputs are z-scored."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from closedloop.artifacts.catalog import MODEL, QUEUE
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.study import START, START_DAY
from closedloop.errors import ImageError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.site_model import predict
from closedloop.stages import start
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stimuli.pools import load_images
from tests.unit.days import SIDE_PX, context
from tests.unit.messages import refused

IMAGES = {"side_px": SIDE_PX, "clean_per_day": 16, "anchors": 4, "normalizers": 8}


def started(root: Path, **surroundings: int) -> tuple[StageContext, ImageQueue]:
    made = context(root, START, day=START_DAY, images=IMAGES, sites={"n_sites": 3}, **surroundings)
    start.run(made)
    return made, ImageQueue.read(made.output(QUEUE))


def test_the_first_queue_has_as_many_images_as_asked_for_none_twice_and_all_categories_alike(tmp_path: Path) -> None:
    made, queue = started(tmp_path)
    assert (queue.day, len(queue.anchors), len(queue.normalizers), len(queue.clean)) == (0, 4, 8, 16)
    images = [image.image_id for image in (*queue.anchors, *queue.normalizers, *queue.clean)]
    assert len(set(images)) == 28
    assert set(images) <= {image.image_id for image in open_study_pool(made.study, None).images()}
    assert set(Counter(image.category for image in queue.clean).values()) == {4}


def test_model_0_is_z_scored_over_the_first_clean_images(tmp_path: Path) -> None:
    made, queue = started(tmp_path)
    model = load_site_model(made.output(MODEL))
    assert (model.spec.architecture, model.spec.layer) == ("small_resnet", "layer3.0")
    assert (model.spec.side_px, model.spec.n_sites) == (SIDE_PX, 3)
    shown = load_images(open_study_pool(made.study, None), tuple(image.image_id for image in queue.clean))
    predicted = predict(model, shown)
    np.testing.assert_allclose(predicted.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(predicted.std(axis=0), 1, rtol=0.05)


def test_a_start_is_made_the_same_again(tmp_path: Path) -> None:
    first, second = (started(tmp_path / name)[0] for name in ("first", "second"))
    for file in (QUEUE, MODEL):
        assert first.output(file).read_bytes() == second.output(file).read_bytes()


def test_a_pool_too_small_says_for_what(tmp_path: Path) -> None:
    """A pool of 20 images: anchors and normalizers leave 8 for a day of 16."""
    with refused(ImageError, "image pool:", "expected 16 unused images for day 0, found 8 of 20"):
        started(tmp_path, n_per_category=5)
