"""How long attacks and refits of a study take that is not made yet: its base model, timed on this machine."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.catalog import MODEL
from closedloop.artifacts.protocol.protocol import Protocol, attacked_per_day, raised_of
from closedloop.artifacts.study import INPUTS
from closedloop.models.checkpoints import save_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import build_site_model
from closedloop.stages.from_protocol.attack import memory_for_batches
from closedloop.stages.from_protocol.duration import Duration, duration_of
from closedloop.stages.from_protocol.model import base_model_of, members_of
from closedloop.stages.from_protocol.networks import code_of
from closedloop.stages.from_protocol.refit_duration import refit_seconds
from closedloop.study.trusted.code import find_codes, keep_code

_MANY = 10_000  # images of a refit: a last batch that is not whole is nothing among them


@dataclass(frozen=True)
class TimedWork:
    """Seconds of an attack, and of a refit for each image that it is fitted to."""

    attack_s: float
    fit_s: float


def time_session(protocol: Protocol, base_model: str, *, place: Path) -> TimedWork:
    """Measure what an attack and a refit cost on this machine, with a random readout on the base model.

    Parameters
    ----------
    protocol
        The experiment.
    base_model
        As study.json will name it.
    place
        Of the protocol, for messages.

    Raises
    ------
    CheckpointError
        The base model cannot be used.
    ProtocolError
        The protocol's batch does not fit into memory.
    """
    timed, n_attacks = time_attacks(protocol, base_model, place=place), attacked_per_day(protocol)
    model = _with_random_readout(protocol, base_model, place=place)
    fit_s = refit_seconds(protocol.fit, n_images=_MANY, model=model, side_px=protocol.images.side_px) / _MANY
    return TimedWork((timed.least_s + timed.most_s) / 2 / max(n_attacks, 1), fit_s)


def time_attacks(protocol: Protocol, base_model: str, *, place: Path) -> Duration:
    """Measure what a day's attacks cost on this machine, with a random readout on the base model.

    Parameters
    ----------
    protocol
        The experiment.
    base_model
        As study.json will name it.
    place
        Of the protocol, for messages.

    Raises
    ------
    CheckpointError
        The base model cannot be used.
    ProtocolError
        The protocol's batch does not fit into memory.
    """
    model = _with_random_readout(protocol, base_model, place=place)
    with tempfile.TemporaryDirectory(prefix="closedloop-") as folder, memory_for_batches(protocol.attack, place):
        file = Path(folder) / MODEL.name
        save_site_model(file, model)
        keep_code(find_codes(protocol, beside=place.parent), Path(folder) / INPUTS)
        return duration_of(
            protocol.attack,
            protocol.probes,
            n_attacks=attacked_per_day(protocol) + (raised_of(protocol, protocol.days - 1) + 1) // 2,
            n_probes=protocol.probes.n_made,
            side_px=protocol.images.side_px,
            model=file,
            workers=None,
        )


def _with_random_readout(protocol: Protocol, base_model: str, *, place: Path) -> DayModel:
    near, first = place.parent, protocol.base_model
    bases = [
        base_model_of(first, base_model, code=code_of(first, near=near, sha256=None)),
        *members_of(protocol.ensemble, sha256=(), near=near),
    ]
    models = [
        build_site_model(base, n_sites=protocol.sites.n_sites, side_px=protocol.images.side_px, seed=0)
        for base in bases
    ]
    return SiteEnsemble(models) if len(models) > 1 else models[0]
