"""Whether the attacks moved the sites: more than controls of the same size do, and whichever way it is estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedloop.analysis.estimate import Estimate
from closedloop.analysis.intervals import half_width_95
from closedloop.artifacts.gates.report import GateFinding, GateLevel
from closedloop.artifacts.protocol.attack import MODEL_FREE_KINDS
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import left_out_of
from closedloop.gates.levels import finding, level_of
from closedloop.gates.review.changes import MeasuredChanges, read_changes
from closedloop.gates.wording import bounds, signed

_LEAST_IMAGES = 6  # of fewer, a standard error over images is itself chance
_WORTH_SIGMA = 0.25  # of the day's clean images; attacks of epsilon 10 move simulated sites by .2 on day 1, .6 on day 5
_FIRST = "day 0: its attacks follow a model that had seen no response, and are not judged"


def sensitivity_controls(context: GateContext) -> GateFinding:
    """Compare attacks with controls of the largest epsilon, on anchors: controls are made of them alone.

    Both by the estimator that needs no model, in sigma: the paper's has signs for attacks alone, and a root mean square
    is on another scale. It holds where the data say so: where an effect worth having is outside of the interval.
    """
    limit, epsilon = context.protocol.gates.sensitivity_controls, context.protocol.attack.epsilons[-1]
    expected = f"attacks above either control of epsilon {epsilon:g} by {bounds(limit)} standard errors"
    attacks = read_changes(context, kind="attacked", epsilon=epsilon).on_anchors()
    controls = {kind: read_changes(context, kind=kind, epsilon=epsilon) for kind in MODEL_FREE_KINDS}
    size = attacks.without_model()
    found_sizes = {kind: own.without_model() for kind, own in controls.items()}
    sizes = {kind: own for kind, own in found_sizes.items() if _is_known(own)}
    if not (_is_known(size) and sizes):
        found = f"fewer than {_LEAST_IMAGES} anchors whose attack and control were each shown twice: not known"
        found += left_out_of(context, "evaluation")
        return finding("sensitivity_controls", "PASS", expected=expected, found=found, remedy="")
    differences = {kind: _Difference.of(size, control) for kind, control in sizes.items()}
    nearest = min(differences, key=lambda kind: differences[kind].standard_errors)
    above = differences[nearest]
    level = level_of(above.standard_errors, limit)
    if level == "HOLD" and above.at_most >= _WORTH_SIGMA:
        level = "WARN"  # so few pairs say nothing: neither that the attacks did something nor that they did not
    said = ", ".join(f"{kind} {_said(control)}" for kind, control in sizes.items())
    return finding(
        "sensitivity_controls",
        _on_later_days(context, level),
        expected=expected,
        found=f"{above.standard_errors:.1f} standard errors above {nearest} (at most {above.at_most:.2f} sigma, 95 %): "
        f"attacks {_said(size)}, {said} sigma" + _first(context) + left_out_of(context, "evaluation"),
        remedy="Were the images shown that were computed, at the size and place planned, and do the sites have the "
        "right numbers (site_identity)? Was the model that made them any good (refit_better of the day before)? "
        "Attacks that do no more than noise teach the model nothing.",
        values={
            "standard_errors": above.standard_errors,
            "at_most_sigma": above.at_most,
            "attacked": size.mean,
            **{kind: control.mean for kind, control in sizes.items()},
        },
    )


def estimators_agree(context: GateContext) -> GateFinding:
    """Compare the paper's estimate, which trusts the model's signs, with the one that needs no model.

    Signs that are right in a part p of the pairs leave 2 p - 1 of the size. A paper's estimate that is surely (by its
    95 % interval) less than a part of the other says that the signs are wrong: by the model, by the channels' numbers,
    or by a convention that was turned round.
    """
    limit, epsilon = context.protocol.gates.estimators_agree, context.protocol.attack.epsilons[-1]
    expected = f"an estimate by the model's signs of {bounds(limit)} times the one without a model, or not surely less"
    attacks = read_changes(context, kind="attacked", epsilon=epsilon)
    by_sign, without_model = attacks.by_sign(), attacks.without_model()
    if not _is_known(without_model):
        found = f"fewer than {_LEAST_IMAGES} images whose attacks were shown twice: not known"
        found += left_out_of(context, "evaluation")
        return finding("estimators_agree", "PASS", expected=expected, found=found, remedy="")
    level: GateLevel = "WARN" if _is_surely_less(attacks, limit.warn) else "PASS"
    level = "HOLD" if _is_surely_less(attacks, limit.hold) else level
    return finding(
        "estimators_agree",
        _on_later_days(context, level),
        expected=expected,
        found=f"{_said(by_sign)} by signs, {_said(without_model)} without a model, in sigma at epsilon {epsilon:g}"
        + _first(context)
        + left_out_of(context, "evaluation"),
        remedy="Do the sites have the right numbers (site_identity)? Does the model predict held-out images "
        "(refit_better of the day before)? If both do, look for a sign that was turned round by hand.",
        values={"by_sign": by_sign.mean, "without_model": without_model.mean},
    )


def _is_known(estimate: Estimate) -> bool:
    return estimate.n_images >= _LEAST_IMAGES and estimate.standard_error > 0


def _is_surely_less(attacks: MeasuredChanges, part: float | None) -> bool:
    return part is not None and attacks.by_sign_above(part).interval[1] < 0


def _on_later_days(context: GateContext, level: GateLevel) -> GateLevel:
    return "PASS" if context.is_first else level


def _first(context: GateContext) -> str:
    return f" ({_FIRST})" if context.is_first else ""


@dataclass(frozen=True)
class _Difference:
    """By how much an estimate is above another, in standard errors; and at most, by the 95 % interval, in sigma."""

    standard_errors: float
    at_most: float

    @staticmethod
    def of(one: Estimate, other: Estimate) -> _Difference:
        """Compare two estimates of which neither knows the other's noise."""
        difference, error = one.mean - other.mean, math.hypot(one.standard_error, other.standard_error)
        half = math.hypot(*(half_width_95(each.standard_error, n=each.n_images) for each in (one, other)))
        return _Difference(difference / error, difference + half)


def _said(estimate: Estimate) -> str:
    return f"{signed(estimate.mean)} ({signed(estimate.interval[0])} to {signed(estimate.interval[1])})"
