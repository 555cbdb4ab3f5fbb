"""How long the attacks of a study take that is not made yet: its base model, a few gradients, timed on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from closedloop.artifacts.catalog import MODEL
from closedloop.artifacts.protocol.protocol import Protocol, attacked_per_day
from closedloop.models.checkpoints import save_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import build_site_model
from closedloop.stages.from_protocol.attack import memory_for_batches
from closedloop.stages.from_protocol.duration import Duration, duration_of
from closedloop.stages.from_protocol.model import base_model_of, members_of


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
    bases = [base_model_of(protocol.base_model, base_model), *members_of(protocol.ensemble, sha256=())]
    models = [
        build_site_model(base, n_sites=protocol.sites.n_sites, side_px=protocol.images.side_px, seed=0)
        for base in bases
    ]
    with tempfile.TemporaryDirectory(prefix="closedloop-") as folder, memory_for_batches(protocol.attack, place):
        file = Path(folder) / MODEL.name
        save_site_model(file, SiteEnsemble(models) if len(models) > 1 else models[0])
        return duration_of(
            protocol.attack,
            protocol.probes,
            n_attacks=attacked_per_day(protocol),
            n_probes=protocol.probes.n_made,
            side_px=protocol.images.side_px,
            model=file,
            workers=None,
        )
