"""The sections on the model: of the whole study, and of one day with the course of its refit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.model import figures
from closedloop.report.reading import DayRecord, StudyRecord
from closedloop.report.wording import number


def model_over_days(record: StudyRecord) -> PageSection | None:
    """Show sign agreement and predictivity by day, and the last day's reliability."""
    evaluations = [day.evaluation for day in record.evaluated if day.evaluation is not None]
    if not evaluations:
        return None
    return PageSection(
        "model",
        "How good the model is",
        "What it says before the recording, against what the recording shows.",
        plates=(
            *_signs(evaluations),
            plate(
                figures.predictivity(evaluations),
                "Prediction of unseen clean images",
                caption="Correlation over images, a point a site, before any correction for noise.",
            ),
            *_off_clean_images(evaluations),
            plate(
                figures.reliability(evaluations[-1]),
                f"Reliability of the sites, day {evaluations[-1].day}",
                caption="Split-half over repetitions, Spearman-Brown corrected, averaged over random splits.",
            ),
        ),
    )


def _signs(evaluations: Sequence[EvaluationReport]) -> tuple[Plate, ...]:
    """Show sign agreement, once a day has attacks: before `attack.first_day` there are none."""
    if not any(evaluation.epsilons for evaluation in evaluations):
        return ()
    return (
        plate(
            figures.sign_agreement(evaluations),
            "Signs right",
            caption="Part of the attacks whose measured (and, in a simulation, true) change has the sealed sign.",
        ),
    )


def _off_clean_images(evaluations: Sequence[EvaluationReport]) -> tuple[Plate, ...]:
    with_probes = [evaluation for evaluation in evaluations if evaluation.probes is not None]
    if not with_probes:
        return ()
    last = with_probes[-1].probes
    epsilon = f" (ε {last.epsilon:g})" if last else ""
    return (
        plate(
            figures.off_clean_images(with_probes),
            "Prediction of probes",
            caption=f"Images driven far from clean ones{epsilon}, on which members of the model disagree, shown once "
            "and predicted before: how right the model is where attacks take place. Before any correction for noise, "
            "which is larger than that of clean images shown more often.",
        ),
    )


def model_of_day(day: DayRecord) -> PageSection | None:
    """Show one day's reliability and the course of its refit."""
    plates = []
    if day.evaluation is not None:
        caption = "Split-half over repetitions, Spearman-Brown corrected, averaged over random splits."
        plates.append(plate(figures.reliability(day.evaluation), "Reliability of the sites", caption=caption))
    if day.fit is not None:
        fit, medians = day.fit, [_median(r) for r in (day.fit.r_fitted, day.fit.r_heldout)]
        caption = (
            f"Not refitted after this round: the model is handed on as it was until the day's last. {_more_of_fit(fit)}"
            if not fit.n_stimuli
            else "Mean squared error on the z-scored responses to the images that are fitted, weighted by repetitions, "
            f"while the weights moved: no held-out error. {fit.n_stimuli:,} images of "
            f"{_sessions_of_fit(day, fit)} with {fit.n_presentations:,} presentations; readout on day 0: "
            f"{fit.readout_start.replace('_', ' ')}. Correlation afterwards, median over outputs: {number(medians[0])} "
            f"on these images, {number(medians[1])} on held-out ones ({fit.heldout_images}; n = {fit.n_heldout:,})."
            f"{_more_of_fit(fit)}"
        )
        plates.append(plate(figures.loss(day.fit), "The night's refit", caption=caption))
    return PageSection("model", "Sites and model", plates=tuple(plates)) if plates else None


def _more_of_fit(fit: FitReport) -> str:
    """Say what held-out probes tell, and each member of an ensemble."""
    said = ""
    if fit.r_heldout_probes:
        r = number(_median(fit.r_heldout_probes))
        said += f" On probes that no fit saw: {r} (n = {fit.n_heldout_probes:,})."
    if fit.members:
        each = ", ".join(f"{number(_median(one.r_heldout))} ({one.architecture})" for one in fit.members)
        said += f" The members alone, on held-out images: {each}."
    if fit.n_imported:
        said += f" Of the images {fit.n_imported:,} are imported, with responses recorded elsewhere before this study."
    if fit.weight_decay is not None:
        said += f" Weight decay {fit.weight_decay:.3g}."
    return said


def _sessions_of_fit(day: DayRecord, fit: FitReport) -> str:
    n = len(fit.n_fitted_by_day)
    noun = "day" if (n, day.block) == (day.day + 1, 1) else "session"
    return f"{n} {noun}{'s' if n > 1 else ''}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
