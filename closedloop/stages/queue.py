"""Queue: the next session's clean images, balanced over categories, none used before; the use ledger grows by a day.

Of a day that people closed before its end the images that were never shown, neither clean nor attacked, are not used:
the next day shows them first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.closing import n_not_shown_of
from closedloop.artifacts.day.population.kinds import POPULATION
from closedloop.artifacts.day.queue import USES, ImageQueue, NotShown, QueuedImage, SitePreference
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import FITTED_ROLES, PREFERENCE
from closedloop.artifacts.protocol.attack import ATTACK_KINDS
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import (
    clean_of_session,
    planes_of_session,
    repeated_of_session,
    singles_of_session,
)
from closedloop.artifacts.records.sequence import START, Block
from closedloop.artifacts.tables import Columns, as_columns
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import added_rows, open_study_pool
from closedloop.stages.imported.responses import also_imported
from closedloop.stages.pool import draw
from closedloop.stages.preference.choice import draw_preferences
from closedloop.stimuli.listed import check_drawn
from closedloop.stimuli.pools import ImagePool


def run(context: StageContext) -> None:
    """Write queue.json for the session after and uses.parquet up to this one."""
    today, shows = context.read(catalog.QUEUE), context.paths.sequence.shows_images_of(context.block)
    tomorrow = shows.day if context.protocol.rounds > 1 else context.day + 1
    earlier = context.paths.sequence.before_in_images(context.block)
    before = None if earlier == START else context.at(earlier).read(catalog.USES)
    missed = None
    if "closed" in context.decided:
        missed = _missed(today, context.read(catalog.STIMULI), context.read(catalog.RESPONSES))
    left = missed.images if missed else ()
    items, not_used = context.read(catalog.PLANNED_ITEMS), {image.image_id for image in left}
    probes = context.read(catalog.PLANNED_PROBES) if context.path(catalog.PLANNED_PROBES).exists() else None
    uses = _uses_until_today(before, _uses_today(today, items, probes, day=context.day, left=not_used))
    recorded = context.read(catalog.STUDY_INPUTS)
    decided = context.decided.get("images_added", "")
    added = added_rows(context.read(catalog.ADDED_IMAGES), decided) if decided else None
    pool = open_study_pool(context.study, context.read(catalog.IMAGE_LIST) if recorded.n_images else None, added)
    imported = context.read(catalog.IMPORTED_IMAGES) if context.has(catalog.IMPORTED_RESPONSES) else None
    draws = _NextDraw(pool, context.protocol, shows, left, f"day {tomorrow}", context.seed)
    sessions = list[DayResponses]()
    if context.protocol.preference.images_on(shows.day) and context.paths.sequence.measures(shows):
        read = [(context.at(block).read, block.day) for block in context.so_far]
        sessions = [read_day_responses(*one, window_s=1.0) for one in read]  # z-scored: no window matters
    used, known = {*uses["image_id"]}, set[str]()
    drawn = draws.of(sessions, used=used, known=known)
    while imported is not None and (again := also_imported(pool, drawn.names, imported)):  # ends with the pool
        known |= again
        drawn = draws.of(sessions, used=used, known=known)
    check_drawn(pool, drawn.names)
    context.write(catalog.USES, uses)
    not_shown = None
    if missed:
        not_shown = NotShown(
            day=context.day,
            n_presentations=n_not_shown_of(context.decided["closed"]),
            n_images=len(left),
            n_offered=drawn.n_offered,
            n_pairs=missed.n_pairs,
        )
    context.write(
        catalog.QUEUE,
        today.model_copy(
            update={
                "day": tomorrow,
                "clean": drawn.clean,
                "singles": drawn.singles,
                "repeated": drawn.repeated,
                "plane": drawn.plane,
                "preference": drawn.preference,
                "not_shown": not_shown,
            }
        ),
    )


@dataclass(frozen=True)
class _NextImages:
    """The next session's images by what they are for; the first `n_offered` clean ones are left of the day before."""

    clean: tuple[QueuedImage, ...]
    singles: tuple[QueuedImage, ...]
    repeated: tuple[QueuedImage, ...]
    plane: tuple[QueuedImage, ...]
    preference: tuple[SitePreference, ...]
    n_offered: int

    @property
    def names(self) -> list[str]:
        """All of them."""
        of_sites = (image for one in self.preference for image in one.images)
        return [image.image_id for image in (*self.clean, *self.singles, *self.repeated, *self.plane, *of_sites)]


@dataclass(frozen=True)
class _NextDraw:
    """How the next session's images are drawn.

    Attributes
    ----------
    pool
        The study's.
    protocol
        Of the next session.
    shows
        That session.
    left
        Images that this one did not show: they come first.
    place
        The session in words.
    seed_of
        Gives a seed by names.
    """

    pool: ImagePool
    protocol: Protocol
    shows: Block
    left: tuple[QueuedImage, ...]
    place: str
    seed_of: Callable[..., int]

    def of(self, sessions: Sequence[DayResponses], *, used: set[str], known: set[str]) -> _NextImages:
        """Draw them.

        Parameters
        ----------
        sessions
            By which sites prefer categories; none where the next session asks for no such images.
        used
            Images that earlier sessions used. One of these may be left, too: that it was an interpolation's target says
            nothing of whether it was shown.
        known
            Images whose responses were imported: they are not drawn, left or not.
        """
        number = {"day": self.shows.day, "number": self.shows.number}
        wanted = clean_of_session(self.protocol, **number)
        offered = tuple(image for image in self.left if image.image_id not in known)[:wanted]
        used = used | known
        clean = offered + self._draw("clean", wanted - len(offered), used, offered)
        singles = self._draw("singles", singles_of_session(self.protocol, **number), used, clean)
        repeated = self._draw(REPEATED, repeated_of_session(self.protocol, **number), used, (*clean, *singles))
        drawn = (*clean, *singles, *repeated)
        plane = self._draw(PLANE, planes_of_session(self.protocol, **number), used, drawn)
        preferences = tuple[SitePreference, ...]()
        if sessions:
            preferences = draw_preferences(
                self.pool.images(),
                sessions,
                self.protocol.preference,
                used={*used, *(image.image_id for image in (*drawn, *plane))},
                seed=self.seed_of(PREFERENCE),
                place=self.place,
            )
        return _NextImages(clean, singles, repeated, plane, preferences, len(offered))

    def _draw(self, role: str, wanted: int, used: set[str], drawn: Sequence[QueuedImage]) -> tuple[QueuedImage, ...]:
        return draw(
            self.pool.images(),
            wanted,
            used={*used, *(image.image_id for image in drawn)},
            seed=self.seed_of(role),
            place=self.place,
        )


@dataclass(frozen=True)
class _Missed:
    """What a day that ended early did not show: fresh images, and pairs of which one or both were not."""

    images: tuple[QueuedImage, ...]
    n_pairs: int


def _missed(today: ImageQueue, stimuli: Columns, responses: Columns) -> _Missed:
    """Find what was not shown; an image whose attack was shown is used, for it may be fitted."""
    shown = np.zeros(len(stimuli["image_index"]), dtype=bool)
    shown[np.asarray(responses["image_index"], dtype=np.int64)] = True
    seen = {*np.asarray(stimuli["image_id"])[shown]}
    changed = np.asarray(stimuli["kind"]) != "clean"
    is_whole = shown & shown[np.asarray(stimuli["clean_index"], dtype=np.int64)]
    return _Missed(
        tuple(image for image in (*today.clean, *today.singles) if image.image_id not in seen),
        int((changed & ~is_whole).sum()),
    )


def _uses_until_today(before: Columns | None, today: list[dict[str, Any]]) -> dict[str, Any]:
    columns = as_columns(today, USES)
    return columns if before is None else {name: [*before[name], *columns[name]] for name in USES.columns}


def _uses_today(
    today: ImageQueue, items: Columns, probes: Columns | None, *, day: int, left: Collection[str]
) -> list[dict[str, Any]]:
    """List the day's uses: fresh images, their attacks and probes are fitted, anchors and normalizers never.

    Parameters
    ----------
    today
        What the day was to show.
    items
        Its attacks and controls.
    probes
        Its probes; None where there are none.
    day
        Which it is: a queue is handed on over days that were skipped.
    left
        Images that were never shown.
    """
    attacked = np.isin(items["kind"], (*ATTACK_KINDS, PREFERENCE))
    bases = sorted(set(zip(items["image_id"][attacked], items["role"][attacked], strict=True)))
    probed = sorted(set(zip(probes["image_id"], probes["role"], strict=True))) if probes is not None else []
    misled = sorted(set(items["image_id"][items["kind"] == POPULATION]))
    stated = sorted(set(items["image_id"][items["kind"] == OBJECTIVE]))
    targets = sorted({other for other in items["other_image_id"] if other})
    uses = [
        *((image.image_id, "clean", True) for image in today.clean),
        *((image.image_id, "single", True) for image in today.singles),
        *((image.image_id, REPEATED, False) for image in today.repeated),
        *((image.image_id, PLANE, False) for image in today.plane),
        *((image.image_id, "anchor", False) for image in today.anchors),
        *((image.image_id, "normalizer", False) for image in today.normalizers),
        *((image.image_id, PREFERENCE, True) for one in today.preference for image in one.images),
        *((image_id, "attack_base", role in FITTED_ROLES) for image_id, role in bases),
        *((image_id, "probe_base", role in FITTED_ROLES) for image_id, role in probed),
        *((image_id, "population_base", False) for image_id in misled),
        *((image_id, "objective_base", False) for image_id in stated),
        *((target, "interpolation_target", False) for target in targets),
    ]
    return [
        {"image_id": name, "day": day, "use": use, "fitted": fitted}
        for name, use, fitted in uses
        if name not in left or use == "interpolation_target"  # a part of it was shown, perhaps
    ]
