"""Responses that were recorded elsewhere, as the first that a model is fitted to, and whose electrodes they are of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.arrays import Arrays
from closedloop.artifacts.imported.documents import ImportedResponses
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.analysis import Fit
from closedloop.blackrock.arrays import MappedElectrode
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.models.site_model import SiteModel
from closedloop.stages.from_protocol.model import recipe_of
from closedloop.stimuli.pools import ImagePool
from closedloop.storage import make_folder
from closedloop.training.closed_form import start_readout
from closedloop.training.end_to_end import Responses
from closedloop.training.members import MemberFit, refit_members


def as_responses(rates: Arrays, images: Arrays) -> Responses:
    """Average repetitions and z-score by the imported images themselves: they are the only ones that day had.

    Parameters
    ----------
    rates
        Of `catalog.IMPORTED_RATES`.
    images
        Of `catalog.IMPORTED_IMAGES`.
    """
    pixels, values, index = images["images"], rates["responses"], rates["image_index"]
    mean = mean_response(values, index, n_images=len(pixels))
    usable = np.zeros(mean.shape)
    np.add.at(usable, index, np.isfinite(values))
    return Responses(pixels, z_score(mean, mean).astype(np.float32), usable.astype(np.float32))


def fit_start(
    models: Sequence[SiteModel],
    train: Responses,
    *,
    fit: Fit,
    seeds: Sequence[int],
    scratch: Path,
    n_processes: int,
    progress: ProgressCallback,
) -> None:
    """Fit the members of model 0 to imported responses, in place, as day 0's refit fits those of a day.

    Parameters
    ----------
    models
        Members.
    train
        The responses.
    fit
        The protocol's section.
    seeds
        Of each member.
    scratch
        Folder for half-done work.
    n_processes
        That may fit members.
    progress
        Called with (done, total).
    """
    if fit.readout_start == "closed_form":
        for model in models:
            start_readout(model, train.images, train.responses, ridge=fit.ridge)
    make_folder(scratch)
    refit_members(
        [
            MemberFit(model, seed, scratch / f"imported-{number}.pt")
            for number, (model, seed) in enumerate(zip(models, seeds, strict=True))
        ],
        train,
        Responses(train.images[:1], train.responses[:1], train.weights[:1]),  # of one image nothing is said
        recipe=recipe_of(fit, n_images=len(train.images), is_first=True),
        n_processes=n_processes,
        progress=progress,
        device="auto",
    )


def also_imported(pool: ImagePool, image_ids: Collection[str], images: Arrays) -> set[str]:
    """Return the images of a pool, by name, whose pixels a model was fitted to already: they judge no model.

    Parameters
    ----------
    pool
        The study's.
    image_ids
        To look at.
    images
        Of `catalog.IMPORTED_IMAGES`.
    """
    known = {stimulus_id(one) for one in images["images"]}
    return {name for name in image_ids if stimulus_id(pool.load(name)) in known}


def sites_of_imported(
    imported: ImportedResponses, electrodes: Sequence[MappedElectrode], *, folder: Path
) -> tuple[dict[str, int], str]:
    """Return the model's output of each site, by the electrode's name, and how they were chosen.

    Parameters
    ----------
    imported
        Names the electrodes.
    electrodes
        Of the first recording.
    folder
        The recording's, for the message.

    Raises
    ------
    RecordingError
        The recording lacks one of them.
    """
    recorded = {one.neuroid_id for one in electrodes}
    missing = [site.neuroid_id for site in imported.sites if site.neuroid_id not in recorded]
    if missing:
        raise RecordingError(
            f"{folder}: expected the electrodes of the imported responses, found none named {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''} among {min(recorded)} to {max(recorded)}. "
            "Import the responses again with the recorder's names (--electrodes FILE), or give day 0's array maps."
        )
    said = (
        f"The sites are the electrodes of the responses imported from {imported.source}, whatever their reliability on "
        "this day."
    )
    return {site.neuroid_id: site.site_index for site in imported.sites}, said
