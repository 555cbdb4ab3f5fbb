"""Tables of what was found: an epsilon, a perturbed image, a subject a row; answers that count alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.discrimination.estimates import Detection, estimate_catch_rate, estimate_detection
from closedloop.analysis.discrimination.rates import difference_d_prime, percent_correct, within_bounds
from closedloop.analysis.intervals import wilson
from closedloop.artifacts.discrimination.experiment import CATCH, OpenExperiment
from closedloop.artifacts.tables import Columns
from closedloop.studies.discrimination.documents import DETECTION, PAIR_RATES, SUBJECT_RATES
from closedloop.studies.discrimination.gather import GatheredAnswers
from closedloop.studies.discrimination.observers import ObserverLaw, true_correct, true_d_prime


def detection_table(experiment: OpenExperiment, answers: Columns, *, law: ObserverLaw | None, seed: int) -> Columns:
    """Return a row an epsilon, and one of the catch trials.

    Parameters
    ----------
    experiment
        Whose pairs.
    answers
        Table `ANSWERS`.
    law
        Of simulated observers, for the true values; None: people answered.
    seed
        Decides the resamples.
    """
    counted = _counted(answers)
    epsilons = sorted({pair.epsilon for pair in experiment.document.pairs})
    rows = [_epsilon_row(counted, epsilon, experiment, law, seed) for epsilon in epsilons]
    rows.append(_catch_row(counted, seed))
    return {name: np.array([row[name] for row in rows]) for name in DETECTION.columns}


def _counted(answers: Columns) -> Columns:
    used = answers["left_out"] == ""
    return {name: column[used] for name, column in answers.items()}


def detect(own: Columns, image_index: NDArray[Any], *, seed: int) -> Detection:
    """Estimate from rows of `ANSWERS`.

    Parameters
    ----------
    own
        Rows that count, none of catch trials.
    image_index
        Which image each is of, (n_trials,).
    seed
        Decides the resamples.
    """
    _, subject = np.unique(own["subject"], return_inverse=True)
    return estimate_detection(
        own["said"] == "different",
        own["is_different"].astype(bool),
        subject_index=subject,
        image_index=image_index,
        seed=seed,
    )


def _epsilon_row(
    counted: Columns, epsilon: float, experiment: OpenExperiment, law: ObserverLaw | None, seed: int
) -> dict[str, Any]:
    at = counted["epsilon"] == epsilon
    own = {name: column[at] for name, column in counted.items()}
    pairs = experiment.document.pairs
    clean = np.array([pairs[index].clean_index for index in own["pair_index"]], dtype=np.int64)
    found = detect(own, clean, seed=seed)
    low, high = binomial_interval(found)
    return {
        "epsilon": epsilon,
        "n_pairs": len(np.unique(own["pair_index"])),
        "n_subjects": len(np.unique(own["subject"])),
        "n_trials": found.n_trials,
        "hit_rate": found.hit_rate,
        "false_rate": found.false_rate,
        "correct": found.correct.mean,
        "low": found.correct.interval[0],
        "high": found.correct.interval[1],
        "d_prime": found.d_prime,
        "d_prime_low": found.d_prime_interval[0],
        "d_prime_high": found.d_prime_interval[1],
        "binomial_low": low,
        "binomial_high": high,
        "true_correct": math.nan if law is None else true_correct(law, epsilon),
        "true_d_prime": math.nan if law is None else true_d_prime(law, epsilon),
    }


def binomial_interval(found: Detection) -> tuple[float, float]:
    """Return the interval of percent correct that takes each answer for a draw of its own.

    Newcombe's (1998), from Wilson's of either rate: a rate of 0 or 1 has one, too.
    """
    n, rates = (found.n_different, found.n_trials - found.n_different), (found.hit_rate, found.false_rate)
    if not math.isfinite(sum(rates)):
        return math.nan, math.nan
    (hit_low, hit_high), (false_low, false_high) = (
        wilson(round(rate * count), count) for rate, count in zip(rates, n, strict=True)
    )
    hit, false = rates
    below, above = math.hypot(hit - hit_low, false_high - false), math.hypot(hit_high - hit, false - false_low)
    return found.correct.mean - below / 2, found.correct.mean + above / 2


def _catch_row(counted: Columns, seed: int) -> dict[str, Any]:
    own = counted["kind"] == CATCH
    _, subject = np.unique(counted["subject"][own], return_inverse=True)
    row = dict.fromkeys(DETECTION.columns, math.nan)
    row |= {"n_pairs": 0, "n_subjects": len(np.unique(subject)), "n_trials": int(own.sum())}
    if own.any():
        found = estimate_catch_rate(counted["said"][own] == "different", subject_index=subject, seed=seed)
        row["hit_rate"] = found.mean
        if found.standard_error > 0:  # where nobody missed one, nothing tells how sure that is
            row |= {"low": found.interval[0], "high": min(found.interval[1], 1.0)}
    return row


def _rates(own: Columns) -> dict[str, Any]:
    """Return the rates of some rows without an interval: of one subject or one image."""
    said, differs = own["said"] == "different", own["is_different"].astype(bool)
    hits = float(said[differs].mean()) if differs.any() else math.nan
    false = float(said[~differs].mean()) if (~differs).any() else math.nan
    correct = float(percent_correct(hits, false))
    return {"n_trials": len(said), "hit_rate": hits, "false_rate": false, "correct": correct}


def pairs_table(experiment: OpenExperiment, answers: Columns) -> Columns:
    """Return a row a perturbed image."""
    counted = _counted(answers)
    rows = []
    for index, pair in enumerate(experiment.document.pairs):
        own = {name: column[counted["pair_index"] == index] for name, column in counted.items()}
        said = {"image_id": pair.image_id, "epsilon": pair.epsilon, "realised_epsilon": pair.realised_epsilon}
        rows.append({"pair_index": index, **said, **_rates(own)})
    return {name: np.array([row[name] for row in rows]) for name in PAIR_RATES.columns}


def subjects_table(gathered: GatheredAnswers) -> Columns:
    """Return a row a subject, over all epsilons."""
    counted = _counted(gathered.answers)
    sessions = gathered.sessions
    rows = []
    for subject in np.unique(sessions["subject"]):
        mine = {name: column[counted["subject"] == subject] for name, column in counted.items()}
        is_catch = mine["kind"] == CATCH
        rates = _rates({name: column[~is_catch] for name, column in mine.items()})
        caught = mine["said"][is_catch] == "different"
        own = sessions["subject"] == subject
        reasons = [reason for reason in sessions["left_out"][own] if reason]
        rows.append(
            {
                "subject": subject,
                "n_sessions": int(own.sum()) - len(reasons),
                **rates,
                "d_prime": _d_prime(rates, mine),
                "catch_rate": float(caught.mean()) if len(caught) else math.nan,
                "left_out": reasons[0] if len(reasons) == int(own.sum()) else "",
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in SUBJECT_RATES.columns}


def _d_prime(rates: dict[str, Any], own: Columns) -> float:
    if math.isnan(rates["correct"]):
        return math.nan
    is_pair = own["kind"] != CATCH
    n_different = int((own["is_different"].astype(bool) & is_pair).sum())
    counts = [n_different, int(is_pair.sum()) - n_different]
    return float(difference_d_prime(*within_bounds([rates["hit_rate"], rates["false_rate"]], counts)))


def subject_curves(answers: Columns) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return each subject's percent correct over epsilon, for thin lines: epsilons and values; known ones alone."""
    counted = _counted(answers)
    curves = []
    for subject in np.unique(counted["subject"]):
        mine = {name: column[counted["subject"] == subject] for name, column in counted.items()}
        epsilons = np.unique(mine["epsilon"][np.isfinite(mine["epsilon"])])
        values = [
            _rates({name: column[mine["epsilon"] == epsilon] for name, column in mine.items()})["correct"]
            for epsilon in epsilons
        ]
        known = np.isfinite(values)
        curves.append((epsilons[known], np.array(values)[known]))
    return curves
