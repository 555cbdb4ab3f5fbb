"""What each arm's attacks did at their sites, and what every model had foretold of it, as it was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import normalize, sigma
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts import catalog
from closedloop.artifacts.day.arms.tables import ARM_EFFECTS, ARM_FORETOLD
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import scaling_rows
from closedloop.artifacts.files.kinds import TableFile
from closedloop.artifacts.protocol.arms.section import ARM
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.stages.objectives.effects import SealedObjectives, objective_effects

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SealedArms:
    """What was sealed of a session's arms.

    Attributes
    ----------
    attacks
        The table `ARM_ATTACKS`.
    models
        Names, in the order of `predicted`.
    predicted
        What each answers to each image, (n_models, n_images, n_sites).
    objectives
        The table `SEALED_ARM_OBJECTIVES`; None where no arm has an objective.
    """

    attacks: Columns
    models: tuple[str, ...]
    predicted: NDArray[np.float32]
    objectives: Columns | None = None

    def of_own_model(self) -> SealedObjectives:
        """Return what is sealed of arms with an objective, each image by the model of its arm."""
        if self.objectives is None:
            raise ValueError("no arm of the session has an objective")
        rows_of = dict(zip(self.attacks["image_index"].tolist(), range(len(self.attacks["image_index"])), strict=True))
        index = self.objectives["image_index"]
        rows = np.array([rows_of[image] for image in index.tolist()], dtype=np.int64)
        model = np.array([self.models.index(name) for name in self.attacks["model"][rows].tolist()], dtype=np.int64)
        clean = self.attacks["clean_index"][rows]
        return SealedObjectives(self.objectives, self.predicted[model, clean], self.predicted[model, index])


@dataclass(frozen=True)
class SiteAnswers:
    """What the sites answered to each image.

    Attributes
    ----------
    repetitions_hz
        (n_images, n_sites, n_repetitions); NaN where there is none.
    sigma_hz
        SD over clean images of each site, (n_sites,).
    true_rates_hz
        Of a simulated subject, (n_images, n_sites), without noise; None of a real one.
    """

    repetitions_hz: Floats
    sigma_hz: Floats
    true_rates_hz: Floats | None

    def changes(self, index: int, clean: int, site: int) -> dict[str, float]:
        """Return the change from a clean image to another at a site, in sigma: measured, of two halves, and true.

        Parameters
        ----------
        index, clean
            Rows of the two images.
        site
            Which.
        """
        one, other = self.repetitions_hz[index, site], self.repetitions_hz[clean, site]
        true = np.nan
        if self.true_rates_hz is not None:
            true = self.true_rates_hz[index, site] - self.true_rates_hz[clean, site]
        hz = {
            "change": _mean(one) - _mean(other),
            "first_half": _mean(one[::2]) - _mean(other[::2]),
            "second_half": _mean(one[1::2]) - _mean(other[1::2]),
            "true_change": true,
        }
        scaled = normalize(np.array([*hz.values()]), self.sigma_hz, site_index=np.full(len(hz), site))
        return dict(zip(hz, scaled.tolist(), strict=True))


def arm_tables(
    day: DayResponses, sealed: SealedArms, answers: SiteAnswers, *, noiseless_sigma_hz: Floats
) -> list[tuple[TableFile, Columns]]:
    """Return the tables of a session's arms with the files that they belong into.

    Parameters
    ----------
    day
        Stimuli and sites.
    sealed
        Who made what, and what every model says of it.
    answers
        Of the sites.
    noiseless_sigma_hz
        SD over clean images of each site, the noise's part taken out, (n_sites,).
    """
    effects, foretold = arm_effects(day, sealed, answers)
    tables = [(catalog.ARM_EFFECTS, effects), (catalog.ARM_FORETOLD, foretold)]
    if sealed.objectives is not None:
        attained = objective_effects(
            day, sealed.of_own_model(), sigma_hz=noiseless_sigma_hz, true_rates_hz=answers.true_rates_hz, kind=ARM
        )
        tables.append((catalog.ARM_OBJECTIVE_EFFECTS, attained))
    return tables


def arm_effects(day: DayResponses, sealed: SealedArms, answers: SiteAnswers) -> tuple[Columns, Columns]:
    """Return the tables of what the arms' attacks did and of what every model foretold.

    Parameters
    ----------
    day
        Stimuli and sites.
    sealed
        Who made what, and what every model says of it.
    answers
        Of the sites.
    """
    outputs = [site.site_index for site in day.sites]
    attacks, stimuli = sealed.attacks, day.stimuli.columns
    rows, foretold = list[dict[str, Any]](), list[dict[str, Any]]()
    for place, output in enumerate(attacks["site_index"].tolist()):
        if output not in outputs:
            continue  # its electrode is no longer recorded
        site = outputs.index(output)
        index, clean = (int(attacks[name][place]) for name in ("image_index", "clean_index"))
        rows.append(
            {
                "arm": attacks["arm"][place],
                "model": attacks["model"][place],
                "image_index": index,
                "image_id": stimuli["image_id"][index],
                "neuroid_id": day.sites[site].neuroid_id,
                "site_index": output,
                "epsilon": attacks["epsilon"][place],
                "realised_epsilon": stimuli["realised_epsilon"][index],
                "predicted_sign": stimuli["predicted_sign"][index],
                **answers.changes(index, clean, site),
            }
        )
        change_of = sealed.predicted[:, index, output] - sealed.predicted[:, clean, output]
        foretold += [
            {"image_index": index, "arm": attacks["arm"][place], "reviewer": name, "foretold": float(one)}
            for name, one in zip(sealed.models, change_of, strict=True)
        ]
    return as_arrays(rows, ARM_EFFECTS), as_arrays(foretold, ARM_FORETOLD)


def _mean(hz: Floats) -> float:
    """Return the mean of the showings that count; NaN without one."""
    known = hz[np.isfinite(hz)]
    return float(known.mean()) if len(known) else float("nan")


def z_sd_hz(day: DayResponses) -> dict[str, float | None]:
    """Return what one SD of a model's responses is of each site, by its name: as the fit scales the day's responses.

    Parameters
    ----------
    day
        Stimuli, sites and responses.
    """
    rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    spread = sigma(rates[scaling_rows(day.stimuli)])
    return {
        site.neuroid_id: float(one) if np.isfinite(one) and one > 0 else None
        for site, one in zip(day.sites, spread, strict=True)
    }
