"""A day's planned tables with the pixels of its clean images, which of its items are made how, and what is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from typing import Protocol as Port

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.population.kinds import POPULATION_KINDS
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.files.kinds import Writable
from closedloop.artifacts.protocol.arms.section import ARM
from closedloop.artifacts.protocol.attack import ATTACK_KINDS, CONTROL_KINDS, MODEL_FREE_KINDS
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.tables import Columns
from closedloop.stages.arms.images import PlannedArms
from closedloop.stages.objectives.images import PlannedObjectives
from closedloop.stages.planes.images import PlannedPlanes
from closedloop.stages.population.images import PlannedPopulation

ImageBytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PlannedDay:
    """The day's tables with the pixels of the clean images, in the order of the image table."""

    images: Columns
    items: Columns
    clean: ImageBytes
    probes: Columns | None = None
    arms: Columns | None = None

    def clean_index(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the clean image of planned items, as a row of the image table."""
        return self._rows_of(self.items["image_id"][rows])

    @property
    def clean_index_of_probes(self) -> NDArray[np.int64]:
        """The clean image of each probe, as a row of the image table."""
        return self._rows_of([] if self.probes is None else self.probes["image_id"])

    def _rows_of(self, image_ids: Iterable[str]) -> NDArray[np.int64]:
        place = {image_id: row for row, image_id in enumerate(self.images["image_id"])}
        return np.array([place[image_id] for image_id in image_ids], dtype=np.int64)

    def items_of(self, *kinds: str) -> NDArray[np.int64]:
        """Return the rows of the item table of these kinds."""
        return np.flatnonzero(np.isin(self.items["kind"], kinds))

    @property
    def population(self) -> PlannedPopulation:
        """What is to mislead a decoder, with the noise beside it."""
        rows = self.items_of(*POPULATION_KINDS)
        return PlannedPopulation(self._items(rows), self.images, self.clean, self.clean_index(rows))

    @property
    def planes(self) -> PlannedPlanes:
        """Images of planes around clean ones."""
        rows = self.items_of(PLANE)
        return PlannedPlanes(self._items(rows), self.images, self.clean, self.clean_index(rows))

    @property
    def of_arms(self) -> PlannedArms:
        """Attacks of arms, each with who makes it."""
        rows = self.items_of(ARM)
        who = dict(zip(self.arms["item_id"].tolist(), self.arms["arm"].tolist(), strict=True)) if self.arms else {}
        arm = np.array([who[name] for name in self.items["item_id"][rows].tolist()], dtype=np.str_)
        return PlannedArms(self._items(rows), arm, self.images, self.clean, self.clean_index(rows))

    @property
    def objectives(self) -> PlannedObjectives:
        """Images that are to attain something else than an attack, and the sites that the day makes images for."""
        rows = self.items_of(OBJECTIVE)
        sites = dict.fromkeys(int(site) for site in self.items["site_index"] if site >= 0)
        return PlannedObjectives(self._items(rows), self.images, self.clean, self.clean_index(rows), tuple(sites))

    def items_of_kinds(self, *kinds: str) -> Columns:
        """Return the part of the item table with these kinds."""
        return self._items(self.items_of(*kinds))

    def _items(self, rows: NDArray[np.int64]) -> Columns:
        return {name: column[rows] for name, column in self.items.items()}

    @property
    def attacks(self) -> NDArray[np.int64]:
        """Rows of the item table that are attacks."""
        return self.items_of(*ATTACK_KINDS)

    @property
    def raised(self) -> NDArray[np.int64]:
        """Rows of the item table that are attacks on images of least preferred categories."""
        return self.items_of(PREFERENCE)

    @property
    def controls(self) -> NDArray[np.int64]:
        """Rows of the item table that are controls."""
        return self.items_of(*CONTROL_KINDS)

    @property
    def noise(self) -> NDArray[np.int64]:
        """Those of them that are made without a model, as large as the attacks."""
        return self.items_of(*MODEL_FREE_KINDS)

    @property
    def yesterday(self) -> NDArray[np.int64]:
        """Those of them that are attacks of the day before."""
        return self.items_of("yesterday")


class MadeImages(Port):
    """What makes images of a kind leaves of a session."""

    @property
    def rows(self) -> dict[str, Any]:
        """Of the stimulus table."""

    @property
    def audit(self) -> dict[str, Any] | None:
        """Rows of the audit; None of what changes no clean image."""

    @property
    def images(self) -> ImageBytes:
        """The pixels."""


@dataclass(frozen=True)
class StimuliSoFar:
    """The day's stimulus table, its audit and its images, as far as they are made, and what is written beside them."""

    columns: dict[str, Any]
    audit: dict[str, Any]
    images: ImageBytes
    files: tuple[tuple[Writable[Any], Any], ...] = ()

    def followed_by(self, made: MadeImages, *files: tuple[Writable[Any], Any]) -> StimuliSoFar:
        """Return them with more as their last, and with what is sealed of these."""
        audit = self.audit if made.audit is None else followed_by(self.audit, made.audit)
        images = np.concatenate([self.images, made.images])
        return StimuliSoFar(followed_by(self.columns, made.rows), audit, images, (*self.files, *files))

    def with_files(self, *files: tuple[Writable[Any], Any]) -> StimuliSoFar:
        """Return them with what is sealed of all of them."""
        return replace(self, files=(*self.files, *files))


def followed_by(columns: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return a table with more rows as its last."""
    return {name: np.concatenate([np.asarray(values), np.asarray(more[name])]) for name, values in columns.items()}
