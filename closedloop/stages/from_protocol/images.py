"""A study's description of its images as the pool they are drawn from."""

from __future__ import annotations

from closedloop.artifacts.study import StudyDocument
from closedloop.artifacts.tables import Columns
from closedloop.stimuli.listed import FolderPool, ListedPool
from closedloop.stimuli.pools import ImagePool, ProceduralPool, open_pool


def open_study_pool(study: StudyDocument, listed: Columns | None) -> ImagePool:
    """Open the pool that the study was made with; of a folder, the images that were listed.

    Parameters
    ----------
    study
        Whose.
    listed
        The list of the folder's images; None where images are computed.

    Raises
    ------
    ImageError
        Its folder is gone.
    """
    pool = open_pool(study.pool.model_dump(exclude_none=True))
    if isinstance(pool, ProceduralPool):
        return pool
    if listed is None or not isinstance(pool, FolderPool):
        raise ValueError(f"{study.pool.folder}: a folder of images is read by its list alone")
    return ListedPool(pool, dict(zip(listed["image_id"], listed["sha256"], strict=True)))
