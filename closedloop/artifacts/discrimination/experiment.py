"""experiment.json, trials.parquet and images.npy: what is shown, in which order, and how it is asked for.

::

    EXPERIMENT/  experiment.json  trials.parquet  images.npy  consent.txt  rules.yaml  page/  journals/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns, read_table
from closedloop.confined.npy import ArrayFileError, map_npy
from closedloop.errors import DocumentError
from closedloop.storage import sha256_bytes, sha256_file

TrialKind = Literal["perturbed-clean", "clean-perturbed", "clean-clean", "perturbed-perturbed", "catch"]
KINDS: tuple[TrialKind, ...] = ("perturbed-clean", "clean-perturbed", "clean-clean", "perturbed-perturbed")
"""The four trials of each perturbed image: "perturbed-clean, clean-perturbed, clean-clean, and perturbed-perturbed"."""
CATCH: TrialKind = "catch"
DIFFERENT: frozenset[str] = frozenset({"perturbed-clean", "clean-perturbed", "catch"})
"""Kinds whose two images differ."""

_ID_DIGITS = 16
_RESTORE = "Restore the folder from a copy, or prepare it again."

AnswerKey = Annotated[str, Field(pattern="^[a-z0-9]$")]
StimulusId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
ExperimentId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class DiscriminationTask(Section):
    """One trial: two images, grey between them, and a question."""

    image_ms: float = Field(default=100.0, gt=0, le=10_000, description="either image is up so long: section 6.2")
    gap_ms: float = Field(default=100.0, gt=0, le=10_000, description="grey between them: section 6.2")
    answer_s: float = Field(default=10.0, gt=0, le=600, description="to answer; later counts for nothing: section 6.2")
    pause_ms: float = Field(default=500.0, ge=0, le=60_000, description="grey before the first image: design")
    degrees: float = Field(default=8.0, gt=0, le=90, description="side of an image, about: section 6.2")
    grey_level: int = Field(default=128, ge=0, le=255, description="of the background: 'neutral gray', section 6.2")
    same_key: AnswerKey = "f"
    different_key: AnswerKey = "j"

    @model_validator(mode="after")
    def _keys_differ(self) -> DiscriminationTask:
        if self.same_key == self.different_key:
            raise ValueError(f"expected two keys, found {self.same_key} twice. Choose another one")
        return self


class DiscriminationPair(Section):
    """A perturbed image and the clean one that it was made from; rows of images.npy."""

    image_id: str = Field(max_length=255, description="name of the clean image")
    clean_index: int = Field(ge=0)
    perturbed_index: int = Field(ge=0)
    epsilon: float = Field(gt=0, description="what it counts under, L2 norm on 224 x 224 x 3 pixels")
    realised_epsilon: float = Field(gt=0, description="from the bytes")


class DiscriminationExperiment(Document):
    """experiment.json: all but the order and the pixels. `simulated` says that no person is asked."""

    kind: Literal["discrimination_experiment"] = "discrimination_experiment"
    experiment_id: ExperimentId = Field(description="of task, pairs, pixels and order: what a journal belongs to")
    code_version: str
    source: str = Field(max_length=1_000, description="where the images are from, in words")
    image_side_px: int = Field(ge=1, le=4_096)
    n_sessions: int = Field(ge=1, le=9_999)
    pairs_a_session: int = Field(ge=1, le=1_000)
    catch_every: int = Field(ge=0, le=1_000, description="a catch trial with each so many others; 0: none")
    seed: int = Field(ge=0)
    task: DiscriminationTask
    pairs: tuple[DiscriminationPair, ...] = Field(min_length=1)
    stimulus_ids: tuple[StimulusId, ...] = Field(description="content hash of each row of images.npy")
    consent_sha256: str | None = Field(description="of the laboratory's text; null: none is shown")


DISCRIMINATION_TRIALS = TableLayout(
    kind="discrimination_trials",
    columns={
        "session": Column("int32", "", "from 1"),
        "trial": Column("int32", "", "in the order to be shown, from 0"),
        "kind": Column("string", "", "perturbed-clean, clean-perturbed, clean-clean, perturbed-perturbed or catch"),
        "first_index": Column("int32", "", "row of images.npy that is shown first"),
        "second_index": Column("int32", "", "and second"),
        "pair_index": Column("int32", "", "which of the experiment's pairs; -1 of a catch trial"),
    },
)


@dataclass(frozen=True)
class ExperimentPaths:
    """Where an experiment's files lie."""

    root: Path

    @property
    def document(self) -> Path:
        """What is shown and asked."""
        return self.root / "experiment.json"

    @property
    def trials(self) -> Path:
        """The order of all sessions."""
        return self.root / "trials.parquet"

    @property
    def images(self) -> Path:
        """The pixels, uint8, image x height x width x RGB."""
        return self.root / "images.npy"

    @property
    def consent(self) -> Path:
        """The laboratory's text, if it has one."""
        return self.root / "consent.txt"

    @property
    def rules(self) -> Path:
        """The laboratory's rules of what is left out, if it has any."""
        return self.root / "rules.yaml"

    @property
    def page(self) -> Path:
        """Folder of the page: to be served, or opened as it is."""
        return self.root / "page"

    @property
    def journals(self) -> Path:
        """Folder of what was answered."""
        return self.root / "journals"

    def journal(self, subject: str, session: int) -> Path:
        """Return the file of one subject's session."""
        return self.journals / f"{subject}-{session:04d}.jsonl"


@dataclass(frozen=True)
class OpenExperiment:
    """An experiment's folder, read.

    Attributes
    ----------
    paths
        Where it lies.
    document
        experiment.json.
    trials
        Table `DISCRIMINATION_TRIALS`.
    """

    paths: ExperimentPaths
    document: DiscriminationExperiment
    trials: Columns

    def session(self, number: int) -> Columns:
        """Return the rows of one session, in the order to be shown.

        Raises
        ------
        DocumentError
            There is no such session.
        """
        if not 1 <= number <= self.document.n_sessions:
            raise DocumentError(
                f"{self.paths.root}: expected a session from 1 to {self.document.n_sessions}, found {number}. "
                "Choose another one, or prepare more with --sessions."
            )
        own = self.trials["session"] == number
        return {name: column[own] for name, column in self.trials.items()}

    def images(self) -> NDArray[np.uint8]:
        """Return all images, mapped, whose bytes are those that the document names.

        Raises
        ------
        DocumentError
            They are not.
        """
        place = self.paths.images
        side_px = self.document.image_side_px
        expected = (len(self.document.stimulus_ids), side_px, side_px, 3)
        try:
            images = map_npy(place)
        except ArrayFileError as error:
            raise DocumentError(f"{place}: {error}. {_RESTORE}") from error
        if images.shape != expected or images.dtype != np.uint8:
            raise DocumentError(f"{place}: expected uint8 of {expected}, found {images.dtype} of {images.shape}.")
        names = [stimulus_id(image) for image in images]
        wrong = [row for row, name in enumerate(names) if name != self.document.stimulus_ids[row]]
        if wrong:
            raise DocumentError(
                f"{place}: expected the bytes that experiment.json names, found others in row {wrong[0]}. {_RESTORE}"
            )
        return images


def open_experiment(root: Path) -> OpenExperiment:
    """Open an experiment's folder.

    Raises
    ------
    DocumentError
        A file is missing, malformed, or not of this experiment.
    """
    paths = ExperimentPaths(root)
    if not paths.document.is_file():
        raise DocumentError(
            f"{root}: expected an experiment's folder, found no experiment.json. Correct the path, or make one: "
            "closedloop discrimination prepare."
        )
    document, trials = DiscriminationExperiment.read(paths.document), read_table(paths.trials, DISCRIMINATION_TRIALS)
    if experiment_id(document, trials) != document.experiment_id:
        raise DocumentError(f"{root}: expected files of one experiment, found others among them. {_RESTORE}")
    if document.consent_sha256 is not None and (
        not paths.consent.is_file() or sha256_file(paths.consent) != document.consent_sha256
    ):
        raise DocumentError(
            f"{paths.consent}: expected the text that people agree to as experiment.json names it, found another or "
            f"none. {_RESTORE}"
        )
    return OpenExperiment(paths, document, trials)


def experiment_id(document: DiscriminationExperiment, trials: Columns) -> str:
    """Return the name of what is shown: of its task, its pairs, its pixels and its order.

    Parameters
    ----------
    document
        Whatever `experiment_id` it has.
    trials
        Table `DISCRIMINATION_TRIALS`.
    """
    said = document.model_dump_json(include={"simulated", "task", "pairs", "stimulus_ids", "consent_sha256"})
    order = [trials[name].tolist() for name in DISCRIMINATION_TRIALS.columns]
    return sha256_bytes(f"{said}{order}".encode())[:_ID_DIGITS]
