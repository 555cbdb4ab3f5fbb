"""The documents of a study's days as its users see them: models, journals, manifests, reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.access.files import PublishedFiles
from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.manifest import Manifest

if TYPE_CHECKING:
    from closedloop.models.ensemble import DayModel


@dataclass(frozen=True, repr=False)
class StudyDocuments:
    """What a `Study` has of each day beside its tables."""

    _files: PublishedFiles

    def model(self, day: int) -> DayModel:
        """Return the model of the sites that a day's images were attacked with (a torch module).

        Returns
        -------
        SiteModel
            In evaluation mode; images in [0, 1], (n, 3, side, side), to z-scored responses, (n, n_sites). The number
            after the last day gives the model that the last refit left.

        Examples
        --------
        >>> from closedloop.models import predict
        >>> study = closedloop.open_study("runs/smoke")
        >>> predicted = predict(study.model(0), study.images(0)[:5])
        >>> predicted.shape == (5, study.protocol.sites.n_sites)
        True
        """
        from closedloop.models.checkpoints import load_site_model  # noqa: PLC0415 - torch is needed for models alone

        return load_site_model(self.model_file(day))

    def model_file(self, day: int) -> Path:
        """Return the file of `model`, safetensors, for processes that each load their own."""
        return self._files.path(catalog.MODEL, day, handed_on=True)

    def journal(self, day: int) -> Journal:
        """Return the rig's journal: every trial, presentation and launch.

        Examples
        --------
        >>> journal = study.journal(0)
        >>> journal.ended.outcome
        'complete'
        """
        return self._files.read(catalog.JOURNAL, day)

    def manifest(self, day: int, stage: str) -> Manifest:
        """Return what a stage read and wrote, with checksums, seed and version.

        Parameters
        ----------
        day
            The day.
        stage
            "plan", "synthesize", "schedule", "present", "recording", "ingest", "refit", "evaluate" or "queue".

        Examples
        --------
        >>> manifest = study.manifest(0, "evaluate")
        >>> sorted(manifest.outputs)
        ['evaluation.json', 'intervals.parquet', 'pairs.parquet', 'sensitivity.parquet', 'slopes.parquet']
        """
        return self._files.manifest(day, stage)

    def quality(self, day: int) -> IngestQuality:
        """Return what was found in a day's recording: codes, clocks, what was set aside and why."""
        return self._files.read(catalog.QUALITY, day)

    def fit(self, day: int) -> FitReport:
        """Return what a day's refit used, and how well the models before and after it predict.

        Examples
        --------
        >>> len(study.fit(0).r_heldout) == study.protocol.sites.n_sites
        True
        """
        return self._files.read(catalog.FIT, day)

    def evaluation(self, day: int, *, truth: bool = False) -> EvaluationReport:
        """Return a day's other numbers: sigma, reliability and predictivity of each site, agreement of the signs.

        Parameters
        ----------
        day
            The day.
        truth
            Also what the hidden cortex of a simulation says: the agreement with it, and the attained part of white-box.

        Examples
        --------
        >>> evaluation = study.evaluation(0)
        >>> [row.epsilon for row in evaluation.epsilons]
        [2.5, 10.0]
        >>> evaluation.epsilons[0].sign_agreement_true is None
        True
        """
        found = self._files.read(catalog.EVALUATION, day)
        if truth:
            return found
        measured = tuple(row.model_copy(update={"sign_agreement_true": None}) for row in found.epsilons)
        return found.model_copy(update={"epsilons": measured, "attained": ()})
