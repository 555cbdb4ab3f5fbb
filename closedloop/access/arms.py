"""Arms of days, as a study's users see them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from closedloop.access import frames
from closedloop.access.documents import StudyDocuments


@dataclass(frozen=True, repr=False)
class StudyArms(StudyDocuments):
    """What a `Study` has of ways of driving sites that were compared on the same images."""

    def arms(self, *, truth: bool = False) -> pd.DataFrame:
        """Return what every arm's images did at their sites, of all days.

        Parameters
        ----------
        truth
            Also ``true_change``, what the hidden cortex of a simulation did.

        Returns
        -------
        DataFrame
            A row an image: ``arm``, the measured ``change`` in sigma and the sealed ``predicted_sign``; of arms with an
            objective its ``objective_kind`` (else attack) and, of levels, ``target``, ``target_sd`` and whether the
            bytes reach it. No row where the protocol lists no ``arms``. All: docs/columns.md.

        Examples
        --------
        >>> len(study.arms())
        0
        """
        return frames.arms_frame(self._files, truth=truth)

    def foretold(self) -> pd.DataFrame:
        """Return what every model of a day foretold of every arm's attacks, sealed before they were shown.

        Returns
        -------
        DataFrame
            A row an attack and model (``reviewer``): ``foretold``, the change at the attacked site, in z.

        Examples
        --------
        >>> len(study.foretold())
        0
        """
        return frames.foretold_frame(self._files)
