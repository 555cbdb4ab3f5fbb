"""How good the model is: sign agreement, prediction of unseen images, reliability of the sites, the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.report import drawing


def sign_agreement(evaluations: Sequence[EvaluationReport]) -> Figure:
    """Draw the part of the attacks that moved their site the way the seal says, by day and epsilon."""
    figure, (axes,) = drawing.new_figure(width=5.3, height=3.7)
    epsilons = sorted({e.epsilon for evaluation in evaluations for e in evaluation.epsilons})
    days = [evaluation.day for evaluation in evaluations]
    for epsilon, colour in zip(epsilons, drawing.day_colours(len(epsilons)), strict=True):
        cells = [next((e for e in ev.epsilons if e.epsilon == epsilon), None) for ev in evaluations]
        measured = _numbers([cell.sign_agreement_measured if cell else None for cell in cells])
        true = _numbers([cell.sign_agreement_true if cell else None for cell in cells])
        axes.plot(days, measured, color=colour, marker="o", label=f"ε = {epsilon:g}, measured")
        drawing.note_numbers(axes, f"ε = {epsilon:g}, measured", days, measured.tolist())
        if np.isfinite(true).any():
            axes.plot(days, true, color=colour, marker="o", mfc="white", linestyle="--", label=f"ε = {epsilon:g}, true")
            drawing.note_numbers(axes, f"ε = {epsilon:g}, true", days, true.tolist())
    axes.axhline(0.5, color=drawing.SOFT, linestyle=":", linewidth=1.2)
    axes.text(days[-1] + 0.38, 0.492, "chance", color=drawing.SOFT, fontsize=9, ha="right", va="top")
    axes.set_ylim(min(0.4, axes.get_ylim()[0]), 1.03)
    axes.set_ylabel("sign agreement")
    drawing.day_axis(axes, days)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def predictivity(evaluations: Sequence[EvaluationReport]) -> Figure:
    """Draw each site's correlation between sealed prediction and unseen clean responses, by day, with the median."""
    figure, (axes,) = drawing.new_figure(width=5.3, height=3.7)
    medians = []
    for evaluation in evaluations:
        r = _numbers(list(evaluation.r_predicted.values()))
        known = r[np.isfinite(r)]
        spread = np.linspace(-0.16, 0.16, known.size) if known.size > 1 else np.zeros(known.size)
        axes.plot(evaluation.day + spread, known, linestyle="", marker="o", ms=3.5, color=drawing.SITE_LIGHT)
        medians.append(float(np.median(known)) if known.size else np.nan)
        for site, of_site in zip(evaluation.r_predicted, r.tolist(), strict=True):
            drawing.note_numbers(axes, site, [evaluation.day], [of_site])
    days = [evaluation.day for evaluation in evaluations]
    axes.plot(days, medians, color=drawing.SITE, marker="o", label="median over sites")
    drawing.note_numbers(axes, "median over sites", days, medians)
    axes.plot([], [], linestyle="", marker="o", ms=3.5, color=drawing.SITE_LIGHT, label="single sites")
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.set_ylim(top=1.03)
    axes.set_ylabel("correlation r")
    drawing.day_axis(axes, days)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def off_clean_images(evaluations: Sequence[EvaluationReport]) -> Figure:
    """Draw how well the sealed model, and each member of it, predicted images that it had never seen the like of.

    Parameters
    ----------
    evaluations
        Of the days that have probes, in order.
    """
    figure, (axes,) = drawing.new_figure(width=5.3, height=3.7)
    days = [evaluation.day for evaluation in evaluations]
    n_members = max(len(one.probes.r_of_members) for one in evaluations if one.probes is not None)
    for number in range(n_members):
        own = [_of_member(evaluation, number) for evaluation in evaluations]
        label = f"member {number + 1}, probes"
        axes.plot(days, own, color=drawing.SITE_LIGHT, marker="o", ms=3.5, linewidth=1.0)
        drawing.note_numbers(axes, label, days, own)
    if n_members:
        axes.plot([], [], color=drawing.SITE_LIGHT, marker="o", ms=3.5, linewidth=1.0, label="members, probes")
    for label, colour, style, values in (
        ("clean images", drawing.SOFT, "--", [_mean(one.r_predicted) for one in evaluations]),
        ("probes", drawing.SITE, "-", [_mean(one.probes.r_predicted) if one.probes else np.nan for one in evaluations]),
    ):
        axes.plot(days, values, color=colour, marker="o", linestyle=style, label=label)
        drawing.note_numbers(axes, label, days, values)
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.set_ylim(top=1.03)
    axes.set_ylabel("correlation r, mean over sites")
    drawing.day_axis(axes, days)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _of_member(evaluation: EvaluationReport, number: int) -> float:
    of_members = evaluation.probes.r_of_members if evaluation.probes else ()
    value = of_members[number] if number < len(of_members) else None
    return np.nan if value is None else value


def _mean(by_site: Mapping[str, float | None]) -> float:
    known = [value for value in by_site.values() if value is not None]
    return sum(known) / len(known) if known else np.nan


def reliability(evaluation: EvaluationReport) -> Figure:
    """Draw the histogram of the sites' split-half reliability on one day."""
    figure, (axes,) = drawing.new_figure(width=5.3, height=3.7)
    values = _numbers(list(evaluation.reliability.values()))
    known = values[np.isfinite(values)]
    low = float(np.floor(min(0.0, known.min(initial=0.0)) * 10) / 10)
    counts, edges, _ = axes.hist(
        known, bins=np.arange(low, 1.0501, 0.05).tolist(), color=drawing.SITE_LIGHT, edgecolor="white"
    )
    drawing.note_numbers(axes, "sites, by the bin's lower edge", edges[:-1].tolist(), np.asarray(counts).tolist())
    if known.size:
        middle = float(np.median(known))
        axes.axvline(middle, color=drawing.SITE, linewidth=1.6, label=f"median {middle:.2f} (n = {known.size} sites)")
        axes.legend(loc="upper left")
    axes.set_xlabel("Spearman-Brown split-half reliability")
    axes.set_ylabel("sites")
    return figure


def loss(fit: FitReport) -> Figure:
    """Draw the loss of the day's refit by epoch, from zero to well above the largest: on what it was fitted to."""
    figure, (axes,) = drawing.new_figure(width=5.3, height=3.7)
    epochs = list(range(1, len(fit.loss_by_epoch) + 1))
    label = "images fitted, mean over the epoch"
    axes.plot(epochs, fit.loss_by_epoch, color=drawing.SITE, marker="o", label=label)
    drawing.note_numbers(axes, label, epochs, fit.loss_by_epoch)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("weighted squared error (z²)")
    axes.set_xlim(0.6, len(epochs) + 0.4)
    finite = [loss for loss in fit.loss_by_epoch if np.isfinite(loss)]
    axes.set_ylim(0, 1.15 * max([*finite, 0.1]))
    figure.legend(loc="outside lower center")
    return figure


def _numbers(values: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
