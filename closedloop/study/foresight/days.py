"""The look ahead where days go by protocols that differ: each day's by itself, the images of all together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol as Port

from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.catalog import SITES, STUDY_INPUTS
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, fresh_images_of
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ImageError
from closedloop.stages.plan import attacked_sites
from closedloop.study.foresight.before import asked_of
from closedloop.study.foresight.numbers import problems, refuse_problems
from closedloop.study.inputs import read_added


class ForeseesDays(Port):
    """Who looks ahead over the days to come."""

    def __call__(
        self,
        paths: StudyPaths,
        study: StudyDocument,
        protocol: Protocol,
        amendments: Sequence[Amendment],
        *,
        first: int,
        place: str,
    ) -> None:
        """See `refuse_impossible_days`."""


def refuse_impossible_days(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    amendments: Sequence[Amendment],
    *,
    first: int,
    place: str,
) -> None:
    """Refuse amendments with which a day to come would end in nothing.

    Parameters
    ----------
    paths, study, protocol
        The study, with the protocol of protocol.yaml.
    amendments
        All that are to be in force.
    first
        The first day that they are new for.
    place
        What a message begins with.

    Raises
    ------
    ProtocolError
        A day's protocol asks for something impossible.
    ImageError
        The images do not last.
    """
    by_day = {day: protocol_of_day(protocol, amendments, day) for day in range(protocol.days)}
    ingested = (paths.folder("ingest", 0) / MANIFEST_NAME).is_file()
    sites = attacked_sites(SITES.read(SITES.published(paths, 0)), protocol.sites.n_sites) if ingested else None
    for of_days, days in groupby(range(first, protocol.days), key=by_day.__getitem__):
        these = list(days)
        asked = asked_of(study, of_days, n_days=these[-1] + 1)
        refuse_problems(problems(asked, sites=sites, day=these[0]), place=f"{place}, day {these[0]}")
    _refuse_too_few(paths, by_day, place=place)


def _refuse_too_few(paths: StudyPaths, by_day: dict[int, Protocol], *, place: str) -> None:
    """Refuse more clean images than there are: none is shown on two days."""
    images, a_pool = by_day[0].images, by_day[0].procedural
    clean = sum(fresh_images_of(of_day, day) for day, of_day in by_day.items())
    wanted = images.anchors + images.normalizers + clean
    recorded = (paths.inputs / MANIFEST_NAME).is_file()
    n_listed = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).n_images if recorded else 0
    n_images = n_listed + len(read_added(paths)) or a_pool.n_categories * a_pool.n_per_category
    if wanted > n_images:
        raise ImageError(
            f"{place}: expected at most {n_images:,} images for all days, as there are, found {wanted:,} "
            f"({images.anchors} anchors, {images.normalizers} normalizers, {clean:,} clean ones, none of them shown "
            "again). Lower images.clean_per_day."
        )
