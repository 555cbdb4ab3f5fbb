"""The same look ahead in a study that is under way: before a session's attacks are planned and made."""

from __future__ import annotations

from closedloop.artifacts.catalog import SITES, STUDY_INPUTS
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.stages.plan import attacked_sites
from closedloop.study.foresight.numbers import Asked, problems, refuse_problems, refuse_too_few


def refuse_impossible(paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, n_days: int) -> None:
    """Refuse what a day, or at the study's start all of them, would end in.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day
        Which is about to be prepared; `START_DAY`: the study.
    n_days
        Days that will be run.

    Raises
    ------
    ProtocolError
        The protocol asks for something impossible.
    ImageError
        The images do not last.
    """
    asked = asked_of(study, protocol, n_days=n_days if day == START_DAY else day + 1)
    sites = attacked_sites(SITES.read(SITES.published(paths, 0)), protocol.sites.n_sites) if day > 0 else None
    refuse_problems(problems(asked, sites=sites, day=max(day, 0)), place=str(paths.protocol))
    if day == START_DAY:
        n_listed = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).n_images
        n_computed = protocol.procedural.n_categories * protocol.procedural.n_per_category
        refuse_too_few(asked, n_images=n_listed or n_computed, place=study.pool.folder or str(paths.protocol))


def asked_of(study: StudyDocument, protocol: Protocol, *, n_days: int) -> Asked:
    """Return what a study asks for.

    Parameters
    ----------
    study, protocol
        The study.
    n_days
        Days that will be run.
    """
    n_arrays = max(len(study.arrays), len(study.recorder.devices) if study.recorder else 0, 1)
    return Asked(protocol, study.subject, simulated=study.simulated, n_arrays=n_arrays, n_days=n_days)
