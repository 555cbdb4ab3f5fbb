"""The networks that arms have beside the day's model: built at the start, fitted every day to the same responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.protocol.arms.names import DAY_MODEL, member_of
from closedloop.artifacts.protocol.arms.section import ArmModel, Arms
from closedloop.attacks.synthesis.sources import ModelSource, member_file, site_model_file
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.model import base_model_of


def start_models(context: StageContext, clean: NDArray[np.uint8]) -> None:
    """Write each network with a readout that has learned nothing, as the day's own model begins.

    Parameters
    ----------
    context
        Of the study's start.
    clean
        Images by which readouts are calibrated, uint8, (n_images, side, side, 3).
    """
    protocol = context.protocol
    for one in protocol.arms.models:
        model = build_site_model(
            base_model_of(one.base_model, one.base_model.weights),
            n_sites=protocol.sites.n_sites,
            side_px=protocol.images.side_px,
            seed=context.seed("readout", "arms", one.name),
        )
        calibrate_readout(model, clean)
        save_site_model(context.output(catalog.model_of_arms(one.name)), model)


def load_models(context: StageContext, section: Arms) -> dict[str, SiteModel]:
    """Return the networks beside the day's model as the session before left them, by name.

    Parameters
    ----------
    context
        Of the session.
    section
        The protocol's.

    Raises
    ------
    CheckpointError
        A file is missing, damaged, or holds several models.
    """
    return {one.name: _load_one(context.path(catalog.model_of_arms(one.name)), one) for one in section.models}


def _load_one(path: Path, one: ArmModel) -> SiteModel:
    model = load_site_model(path)
    if not isinstance(model, SiteModel):
        raise CheckpointError(f"{path}: expected one network ({one.name}), found several. Restore the file.")
    return model


def frozen_models(model: DayModel, beside: dict[str, SiteModel]) -> dict[str, DayModel]:
    """Return every model of a day by name, ready for attacks: the whole of it, its members, those beside it.

    Parameters
    ----------
    model
        The day's, frozen already.
    beside
        The others; frozen in place.
    """
    members = model.members if isinstance(model, SiteEnsemble) else ()
    for one in beside.values():
        freeze_for_attack(one)
    return {DAY_MODEL: model, **{f"member_{number}": one for number, one in enumerate(members)}, **beside}


def source_of(model: str, *, day_model: Path, path_of: Callable[[str], Path]) -> ModelSource:
    """Return where a worker gets an arm's model from.

    Parameters
    ----------
    model
        Its name.
    day_model
        File of the day's model.
    path_of
        File of a network beside it, by its name.
    """
    if model == DAY_MODEL:
        return site_model_file(day_model)
    member = member_of(model)
    return member_file(day_model, member) if member is not None else site_model_file(path_of(model))


def names_of(section: Arms) -> Sequence[str]:
    """Return the names of the networks beside the day's model."""
    return [one.name for one in section.models]
