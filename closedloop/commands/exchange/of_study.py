"""What a study knows of its model: whose it is, its sites and electrodes, the scale of its outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import left_out, of_session
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.commands.exported_models import BaseWeights, ExportedSite, ExportedStudy
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_responses import read_day_responses
from closedloop.artifacts.day_use import leave_out, scaling_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.models.shipped import shipped_names
from closedloop.stages.from_protocol.recording import response_window_s
from closedloop.study.history.stages import stage_entries
from closedloop.study.loop import read_identity

_UNKNOWN = "not stated: ask who made these weights"
_SHIPPED = "MIT, as closedloop, which trained them on computed images"


def describe_study(paths: StudyPaths, block: Block) -> tuple[ExportedStudy, bool]:
    """Return what the study is, and whether it is simulated.

    Parameters
    ----------
    paths
        Seen from the session.
    block
        That fitted the model.
    """
    study, protocol = read_identity(paths)
    fit = catalog.FIT.read(catalog.FIT.published(paths, block.day))
    described = ExportedStudy(
        study_id=study.study_id,
        subject=study.subject,
        protocol_name=study.protocol_name,
        protocol_sha256=protocol_sha256(_in_force(paths, protocol, block)),
        day=block.day,
        block=block.number,
        fitted_utc=_fitted_utc(paths, block),
        n_fitted_images=fit.n_stimuli,
    )
    return described, study.simulated


def describe_sites(paths: StudyPaths, block: Block, *, n_sites: int) -> tuple[ExportedSite, ...]:
    """Return the outputs of the model, with what the day of the fit says of each.

    Parameters
    ----------
    paths
        Seen from the session.
    block
        That fitted the model.
    n_sites
        Outputs of the model; those that no electrode was chosen for have no name.

    Raises
    ------
    DocumentError
        A file of the day is missing or damaged.
    """
    _, protocol = read_identity(paths)
    day = read_day_responses(reader_of(paths), block.day, window_s=_window_s(paths, protocol, block))
    scales = dict[str, tuple[float, float, int | None]]()
    earlier = [one for one in paths.found() if one < block and _is_ingested(paths.at(one), one)]
    for session in (block, *reversed(earlier)):
        if len(scales) == len(day.sites):
            break
        other = None if session == block else session.day
        for name, mean, sd in _scales(paths.at(session), protocol, session, until=block):
            if np.isfinite(mean) and sd > 0:
                scales.setdefault(name, (mean, sd, other))
    sites = [_described(site, scales.get(site.neuroid_id)) for site in day.sites]
    return (*sites, *(nameless_site(index) for index in range(len(sites), n_sites)))


def _is_ingested(paths: StudyPaths, block: Block) -> bool:
    return (paths.folder("ingest", block.day) / MANIFEST_NAME).is_file()


def _scales(paths: StudyPaths, protocol: Protocol, block: Block, *, until: Block) -> list[tuple[str, float, float]]:
    """Return each site's name, mean and SD by which a session was put on one scale, without what is left out."""
    day = read_day_responses(reader_of(paths), block.day, window_s=_window_s(paths, protocol, block))
    exclusions = of_session(left_out(read_amendments(paths.amendments), "fit", until=until), block)
    day, _ = leave_out(day, exclusions, recording_day=block.day)
    scale = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)[scaling_rows(day.stimuli)]
    spread = sigma(scale)
    return [(site.neuroid_id, _mean(scale[:, column]), float(spread[column])) for column, site in enumerate(day.sites)]


def _window_s(paths: StudyPaths, protocol: Protocol, block: Block) -> float:
    return response_window_s(_in_force(paths, protocol, block).recording)


def nameless_site(index: int) -> ExportedSite:
    """Return an output of which nothing is known but its place."""
    return ExportedSite(
        site_index=index,
        neuroid_id=None,
        electrode_id=None,
        processor=None,
        label="",
        row=None,
        column=None,
        reliability=None,
        mean_hz=None,
        sd_hz=None,
    )


def base_weights(paths: StudyPaths, file: Path, *, licence: str, which: int | None) -> tuple[BaseWeights, ...]:
    """Return what the members' networks were filled with when the study began.

    Parameters
    ----------
    paths
        The study.
    file
        The model's, in it.
    licence
        As it was given; of shipped weights it is known.
    which
        Which member; None for all.
    """
    study, protocol = read_identity(paths)
    recorded = catalog.STUDY_INPUTS.read(catalog.STUDY_INPUTS.published(paths, 0))
    of_arms = {catalog.model_of_arms(one.name).name: one for one in protocol.arms.models}
    if (beside := of_arms.get(file.name)) is not None:
        sha256 = recorded.arm_model_sha256.get(beside.name)
        return (weights_of(beside.base_model.weights, sha256, licence=licence),)
    found = [
        (study.base_model, recorded.base_model_sha256),
        *zip((one.weights for one in protocol.ensemble), recorded.member_sha256, strict=False),
    ]
    described = tuple(weights_of(source, sha256, licence=licence) for source, sha256 in found)
    return described if which is None else (described[which],)


def weights_of(source: str, sha256: str | None, *, licence: str) -> BaseWeights:
    """Return weights with their licence, as far as it is known.

    Parameters
    ----------
    source, sha256
        As in `BaseWeights`.
    licence
        As it was given.
    """
    return BaseWeights(
        source=source, sha256=sha256, licence=_SHIPPED if source in shipped_names() else licence or _UNKNOWN
    )


def _in_force(paths: StudyPaths, protocol: Protocol, block: Block) -> Protocol:
    return protocol_of_day(protocol, read_amendments(paths.amendments), block.day)


def _fitted_utc(paths: StudyPaths, block: Block) -> str | None:
    """Return when the session's model was fitted, by the ledger, or by its folder where that was lost."""
    entries, _ = stage_entries(paths)
    fitted = [
        one for one in entries if (one.day, one.block) == tuple(block) and one.what.startswith("model was fitted")
    ]
    return fitted[-1].utc if fitted else None


def _described(site: Site, scale: tuple[float, float, int | None] | None) -> ExportedSite:
    mean, sd, day = (None, None, None) if scale is None else scale
    return ExportedSite(
        site_index=site.site_index or 0,
        neuroid_id=site.neuroid_id,
        electrode_id=site.electrode_id,
        processor=site.processor,
        label=site.label,
        row=site.row,
        column=site.column,
        reliability=site.reliability,
        mean_hz=mean,
        sd_hz=sd,
        scale_day=day,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
