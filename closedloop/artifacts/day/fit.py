"""What a refit used and how well it predicts (stage `refit`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document


class FitReport(Document):
    """fit.json: what the refit used and how well it predicts images it never saw."""

    kind: Literal["fit_report"] = "fit_report"
    day: int
    readout_start: str
    n_stimuli: int
    n_presentations: int
    n_fitted_by_day: tuple[int, ...]
    loss_by_epoch: tuple[float, ...]
    heldout_images: str = Field(description="which images the correlation is computed on")
    n_heldout: int
    r_heldout: tuple[float | None, ...] = Field(
        description="per site, model before this refit on this day's unseen clean images"
    )
    r_fitted: tuple[float | None, ...] = Field(
        description="per site, model after the refit on the images it was fitted on"
    )
