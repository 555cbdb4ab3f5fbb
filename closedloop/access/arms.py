"""Arms of days, and images that evolve without a model, as a study's users see them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from closedloop.access import frames
from closedloop.access.documents import StudyDocuments


@dataclass(frozen=True, repr=False)
class StudyArms(StudyDocuments):
    """What a `Study` has of ways of driving sites: compared on the same images, or by their own responses alone."""

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
            A row an attack and model (``reviewer``): ``foretold``, the change at the attacked site, in z: SD over the
            images by which days are put on one scale. One sigma is ``sigma_hz / z_sd_hz`` of them, by `evaluation`.

        Examples
        --------
        >>> len(study.foretold())
        0
        """
        return frames.foretold_frame(self._files)

    def evolution(self, *, truth: bool = False) -> pd.DataFrame:
        """Return what sites answered to images that evolved by their own responses, of all sessions.

        Parameters
        ----------
        truth
            Also ``true_hz``, what the hidden cortex of a simulation answers without noise.

        Returns
        -------
        DataFrame
            A row an image: its ``generation`` and ``kind`` (evolved; evolved_mean, at the mean of the distribution that
            the generation is drawn from; evolved_natural, the natural image beside it), ``response_hz``; no row where
            the protocol has no section ``evolution``. All: docs/columns.md.

        Examples
        --------
        >>> len(study.evolution())
        0
        """
        return frames.evolution_frame(self._files, truth=truth)

    def evolution_gains(self, *, truth: bool = False) -> pd.DataFrame:
        """Return whether evolution went above the natural image that the same counts choose, at the end of each day.

        Parameters
        ----------
        truth
            Also ``true_difference``, that of the hidden cortex of a simulation.

        Returns
        -------
        DataFrame
            A row a site, and one for all with an empty ``neuroid_id``: ``difference`` with its 95 % interval in SD of
            the site's responses to natural images.

        Examples
        --------
        >>> len(study.evolution_gains())
        0
        """
        return frames.evolution_gains_frame(self._files, truth=truth)
