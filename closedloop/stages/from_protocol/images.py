"""A study's description of its images as the pool they are drawn from."""

from __future__ import annotations

import json

import numpy as np

from closedloop.artifacts.study import StudyDocument
from closedloop.artifacts.tables import Columns
from closedloop.stimuli.listed import FolderPool, ListedPool
from closedloop.stimuli.pools import ImagePool, ProceduralPool, open_pool


def open_study_pool(study: StudyDocument, listed: Columns | None, added: Columns | None = None) -> ImagePool:
    """Open the pool that the study was made with; of a folder, the images that were listed.

    Parameters
    ----------
    study
        Whose.
    listed
        The list of the folder's images; None where images are computed.
    added
        Of those that were added to it later, the ones that count.

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
    lists = [listed, *([added] if added is not None else [])]
    return ListedPool(
        pool, {name: digest for one in lists for name, digest in zip(one["image_id"], one["sha256"], strict=True)}
    )


def added_rows(added: Columns, decided: str) -> Columns | None:
    """Return the rows of images that were added by the additions that are drawn from; None where none is.

    Parameters
    ----------
    added
        Columns of `catalog.ADDED_IMAGES`.
    decided
        What was decided of them, as `artifacts.amended.images` tells it; empty where nothing was.
    """
    numbers = [int(one["addition"]) for one in json.loads(decided)] if decided else []
    counts = np.isin(added["addition"], numbers)
    return {name: values[counts] for name, values in added.items()} if counts.any() else None
