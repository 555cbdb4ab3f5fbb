"""What a refit used and how well it predicts (stage `refit`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section


class MemberReport(Section):
    """One member of an ensemble after the refit."""

    architecture: str
    layer: str = Field(description="whose output its readout reads")
    loss_by_epoch: tuple[float, ...]
    r_heldout: tuple[float | None, ...] = Field(description="as of the whole")
    r_fitted: tuple[float | None, ...]
    r_heldout_probes: tuple[float | None, ...] = Field(default=(), exclude_if=operator.not_)


class FitReport(Document):
    """fit.json: what the refit used and how well it predicts images it never saw."""

    kind: Literal["fit_report"] = "fit_report"
    day: int
    readout_start: str = Field(
        description="of the readout before day 0's refit, by the protocol: random, or closed_form on the first data; "
        "later days go on from the model before"
    )
    n_stimuli: int = Field(description="images fitted, of all days so far: fresh clean ones and the attacks on them")
    n_presentations: int = Field(
        description="usable presentations of these images, each image counted at the site that has most"
    )
    n_imported: int = Field(
        default=0,
        exclude_if=operator.not_,
        description="of these, images with responses that were imported: recorded elsewhere, before day 0",
    )
    n_fitted_by_day: tuple[int, ...] = Field(description="images fitted, of each day from day 0 on")
    loss_by_epoch: tuple[float, ...] = Field(
        description="mean squared error on the fitted images' z-scored responses, weighted by repetitions, averaged "
        "over each epoch while the weights moved"
    )
    weight_decay: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of this refit, where the protocol lets it fall with the number of images",
    )
    members: tuple[MemberReport, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="of an ensemble, in the protocol's order; what stands beside them is of their mean response",
    )
    left_out: dict[str, int] = Field(
        default={},
        exclude_if=operator.not_,
        description="what people left out of the fit, by its words: responses of a site to a presentation that it took",
    )
    days_not_fitted: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="days of which nothing was fitted, and why, by the day's number",
    )
    heldout_images: str = Field(description="which images r_heldout is computed on")
    n_heldout: int = Field(description="these images, an image of each day counted once a day")
    r_heldout: tuple[float | None, ...] = Field(
        description="by output of the model: correlation over the held-out images of all days so far, never fitted, of "
        "the model after this refit with the z-scored responses; null where fewer than 3 are usable"
    )
    r_fitted: tuple[float | None, ...] = Field(
        description="by output of the model: the same on the images it was fitted to"
    )
    n_heldout_probes: int = Field(
        default=0, exclude_if=operator.not_, description="probes of all days so far that no fit saw"
    )
    r_heldout_probes: tuple[float | None, ...] = Field(
        default=(), exclude_if=operator.not_, description="by output of the model: the same on these probes"
    )
