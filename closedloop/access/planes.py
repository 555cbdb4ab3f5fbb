"""Planes of images, as a study's users see them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from closedloop.access import frames
from closedloop.access.arms import StudyArms


@dataclass(frozen=True, repr=False)
class StudyPlanes(StudyArms):
    """What a `Study` has of planes of images around clean ones."""

    def planes(self, *, truth: bool = False) -> pd.DataFrame:
        """Return how sites' responses bend over planes of images, beside what was sealed of it, of all days.

        Parameters
        ----------
        truth
            Also what the hidden cortex of a simulation says.

        Returns
        -------
        DataFrame
            A row a plane: ``edge``, what the bend adds in the middle of a side, and ``curvature``, with intervals; no
            row where the protocol has no section ``plane``. All: docs/columns.md.

        Examples
        --------
        >>> len(study.planes())
        0
        """
        return frames.planes_frame(self._files, truth=truth)

    def plane_places(self, day: int) -> pd.DataFrame:
        """Return where on its plane each image of a day lies, one clean and all changed ones of each plane.

        Returns
        -------
        DataFrame
            ``plane``, ``image_index``, the wanted and the shown place on its two directions; no row without planes.

        Examples
        --------
        >>> len(study.plane_places(0))
        0
        """
        return frames.plane_places_frame(self._files, day)
