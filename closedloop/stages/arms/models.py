"""The networks that arms have beside the day's model: built at the start, fitted every day to the same responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.arms.tables import SealedModels
from closedloop.artifacts.protocol.arms.names import DAY_MODEL, member_of, models_of_day
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.inputs import StudyInputs
from closedloop.attacks.synthesis.sources import ModelSource, member_file, site_model_file
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack
from closedloop.stages.from_protocol.model import base_model_of, recorded_code_of
from closedloop.storage import sha256_file


def start_models(
    protocol: Protocol, clean: NDArray[np.uint8], recorded: StudyInputs, *, near: Path, seed_of: Callable[..., int]
) -> dict[str, SiteModel]:
    """Return each network with a readout that has learned nothing, as the day's own model begins, by name.

    Parameters
    ----------
    protocol
        Its sections arms, sites and images.
    clean
        Images by which readouts are calibrated, uint8, (n_images, side, side, 3).
    recorded
        What their files and their code were when the study began.
    near
        Where that lies, with copies of the code beside it.
    seed_of
        Gives a seed by names, as `StageContext.seed` does.

    Raises
    ------
    CheckpointError
        A file or its code cannot be used, or is another than it was.
    """
    models = dict[str, SiteModel]()
    for one in protocol.arms.models:
        models[one.name] = build_site_model(
            base_model_of(
                one.base_model,
                one.base_model.weights,
                sha256=recorded.arm_model_sha256.get(one.name),
                code=recorded_code_of(one.base_model, recorded.code, near=near),
            ),
            n_sites=protocol.sites.n_sites,
            side_px=protocol.images.side_px,
            seed=seed_of("readout", "arms", one.name),
        )
        calibrate_readout(models[one.name], clean)
    return models


def load_model(path: Path, name: str) -> SiteModel:
    """Return a network beside the day's model.

    Parameters
    ----------
    path
        Its file.
    name
        The protocol's.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or holds several models.
    """
    model = load_site_model(path)
    if not isinstance(model, SiteModel):
        raise CheckpointError(f"{path}: expected one network ({name}), found several. Restore the file.")
    return model


@dataclass(frozen=True)
class ArmFiles:
    """Where the models of a day lie.

    Attributes
    ----------
    day_model
        File of the day's model.
    beside
        File of each network beside it, by its name.
    """

    day_model: Path
    beside: Mapping[str, Path]

    def source_of(self, model: str) -> ModelSource:
        """Return where a worker gets a model from, by its name."""
        if model == DAY_MODEL:
            return site_model_file(self.day_model)
        member = member_of(model)
        return member_file(self.day_model, member) if member is not None else site_model_file(self.beside[model])

    def frozen(self, model: DayModel) -> dict[str, DayModel]:
        """Return every model by name, ready for attacks: the whole of the day's, its members, and those beside it.

        Parameters
        ----------
        model
            The day's, frozen already.
        """
        members = model.members if isinstance(model, SiteEnsemble) else ()
        beside = {name: freeze_for_attack(load_model(path, name)) for name, path in self.beside.items()}
        models = dict(zip(self.names(len(members)), (model, *members, *beside.values()), strict=True))
        return cast("dict[str, DayModel]", models)

    def names(self, n_members: int) -> tuple[str, ...]:
        """Return the names of all models, as they are sealed."""
        return models_of_day(self.beside, n_members)

    def sealed(self, n_members: int, *, day: int, simulated: bool) -> SealedModels:
        """Return the document that names the models whose responses are sealed.

        Parameters
        ----------
        n_members
            Of the day's model.
        day
            Which.
        simulated
            The study's mark.
        """
        names = self.names(n_members)
        hashes = [sha256_file(self.beside.get(name, self.day_model)) for name in names]
        return SealedModels(simulated=simulated, day=day, models=names, sha256=tuple(hashes))
