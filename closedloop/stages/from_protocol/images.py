"""A study's description of its images as the pool they are drawn from."""

from __future__ import annotations

from closedloop.artifacts.study import StudyDocument
from closedloop.stimuli.pools import ImagePool, open_pool


def open_study_pool(study: StudyDocument) -> ImagePool:
    """Open the pool that the study was made with.

    Raises
    ------
    ImageError
        Its folder is gone.
    """
    return open_pool(study.pool.model_dump(exclude_none=True))
