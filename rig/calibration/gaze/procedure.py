"""What each key does, from the first point to the word that stores the map. No device, no clock, no screen.

    measure -> validate -> judge -> stored, or quit

The operator watches the animal and decides: a point counts when he accepts it and the eye rests, can be measured again
as often as he likes, and can be left out. Nothing is kept before he says so in the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, Literal

from closedloop.artifacts.rig.calibrations import GazeMap
from rig.calibration.gaze.fit import (
    FittedMap,
    MeasuredPoint,
    NoMapError,
    errors_deg,
    fit_map,
    left_out_errors_deg,
    units_per_deg,
)
from rig.calibration.gaze.steady import Rest
from rig.calibration.gaze.targets import GazeTarget

CalibrationStage = Literal["measure", "validate", "judge"]
Wish = Literal["reward", "store"]
"""What a key asks of the world around."""

Overridable = Literal["error", "validation"]

KEYS: Final = {
    "measure": "space take  d again  s skip  n next  b back  r reward  h hide  f fit  q quit",
    "validate": "space take  d again  s skip  n next  b back  r reward  h hide  f finish  q quit",
    "judge": "y store  v other points again  b back to the points  r reward  q quit: nothing is stored",
}
_SAME_KEYS: Final = {
    **dict.fromkeys((" ", "\r", "\n", "return", "num_enter"), "space"),
    **{"right": "n", "left": "b"},
}
_LEAST_VALIDATED: Final = 3
_NEAR: Final = 0.15  # of the way between two targets; the axes of a tracker may differ by some times, not by as much


@dataclass(frozen=True)
class ShownTargets:
    """Targets of one kind, and what was measured at them.

    Attributes
    ----------
    targets
        Where the animal is to look.
    rests
        Where the eye rested at each; None where it was not measured.
    at
        Place of the one that is shown.
    last
        Place of the one that was measured last; None before.
    """

    targets: tuple[GazeTarget, ...]
    rests: tuple[Rest | None, ...]
    at: int = 0
    last: int | None = None

    @property
    def measured(self) -> tuple[MeasuredPoint, ...]:
        """What was measured, in the order of the targets."""
        return tuple(MeasuredPoint(one, rest) for one, rest in zip(self.targets, self.rests, strict=True) if rest)

    @property
    def places(self) -> tuple[int, ...]:
        """Places of what was measured."""
        return tuple(place for place, rest in enumerate(self.rests) if rest)

    def take(self, rest: Rest) -> ShownTargets:
        """Return it with where the eye rested at the target that is shown; the next open one is shown."""
        return self._with(self.at, rest)._to_open(last=self.at)

    def again(self) -> ShownTargets:
        """Return it without the target that is shown, or, where that has nothing, without the one measured last."""
        place = self.at if self.rests[self.at] is not None or self.last is None else self.last
        return replace(self._with(place, None), at=place)

    def move(self, step: int) -> ShownTargets:
        """Return it with another target shown."""
        return replace(self, at=(self.at + step) % len(self.targets))

    def skip(self) -> ShownTargets:
        """Return it with the target that is shown left out, and the next open one shown."""
        return self._with(self.at, None)._to_open(last=self.last)

    def _with(self, place: int, rest: Rest | None) -> ShownTargets:
        return replace(self, rests=(*self.rests[:place], rest, *self.rests[place + 1 :]))

    def _to_open(self, *, last: int | None) -> ShownTargets:
        n = len(self.targets)
        after = [(self.at + step) % n for step in range(1, n)]
        return replace(self, last=last, at=next((one for one in after if self.rests[one] is None), self.at))


def not_yet(targets: Sequence[GazeTarget]) -> ShownTargets:
    """Return targets at which nothing was measured."""
    return ShownTargets(tuple(targets), (None,) * len(targets))


@dataclass(frozen=True)
class MapFitness:
    """How well a map fits.

    Attributes
    ----------
    errors_deg
        Of each point, degrees.
    is_validated
        Whether they are of other points, shown to try the map; else of each fitted point by the map of all the others.
    """

    errors_deg: tuple[float, ...]
    is_validated: bool

    @property
    def median_deg(self) -> float:
        """The middle one."""
        return median(self.errors_deg)

    @property
    def worst_deg(self) -> float:
        """The largest."""
        return max(self.errors_deg)


@dataclass(frozen=True)
class Procedure:
    """Where a calibration is.

    Attributes
    ----------
    points
        The targets that the map is fitted to.
    others
        Those that it is tried at.
    most_deg
        No map is stored with a larger error, degrees.
    despite
        What the operator overrides: a larger error, or that nothing was validated.
    stage
        What is done now.
    fitted
        The map, once there is one.
    told
        Place of the point that the operator was told about as one that does not fit.
    is_hidden
        Whether the screen is grey for now.
    said
        The answer to the last key.
    """

    points: ShownTargets
    others: ShownTargets
    most_deg: float
    despite: frozenset[Overridable] = frozenset()
    stage: CalibrationStage = "measure"
    fitted: FittedMap | None = None
    told: int | None = None
    is_hidden: bool = False
    said: str = "The map is fitted to these points. Take one when the animal looks at it."

    @property
    def shown(self) -> ShownTargets:
        """The targets of this stage."""
        return self.others if self.stage == "validate" else self.points

    @property
    def target(self) -> GazeTarget | None:
        """What the animal sees; None for grey."""
        return None if self.is_hidden or self.stage == "judge" else self.shown.targets[self.shown.at]

    @property
    def units_per_deg(self) -> float | None:
        """How far the tracker's values move for a degree, as far as it is known."""
        return units_per_deg(self.points.measured)

    def map_so_far(self) -> FittedMap | None:
        """Return the map that the points measured so far make; None as long as they make none."""
        try:
            return fit_map(self.points.measured)
        except NoMapError:
            return None

    def verdict(self) -> MapFitness | None:
        """Return how well the map fits; None before there is one."""
        if self.fitted is None:
            return None
        if len(self.others.measured) >= _LEAST_VALIDATED:
            return MapFitness(errors_deg(self.fitted.gaze_map, self.others.measured), is_validated=True)
        return MapFitness(left_out_errors_deg(self._kept()), is_validated=False)

    def gaze_map(self) -> GazeMap:
        """Return the map.

        Raises
        ------
        ValueError
            There is none yet.
        """
        if self.fitted is None:
            raise ValueError("expected a map")
        return self.fitted.gaze_map

    @property
    def n_fitted(self) -> int:
        """Points that the map was made from."""
        return len(self._kept())

    def _kept(self) -> tuple[MeasuredPoint, ...]:
        bad = self.fitted.bad if self.fitted is not None else None
        return tuple(one for place, one in enumerate(self.points.measured) if place != bad)


def press(procedure: Procedure, key: str, rest: Rest | str) -> tuple[Procedure, Wish | None]:
    """Return where a key leads, and what it asks of the world around.

    Parameters
    ----------
    procedure
        Where the calibration is.
    key
        Its name, as the window or the terminal has it.
    rest
        Where the eye rests now, or in words why it cannot be said.
    """
    name = _SAME_KEYS.get(key.lower(), key.lower())
    if name == "r":
        return procedure, "reward"
    if name == "h":
        return replace(procedure, is_hidden=not procedure.is_hidden), None
    if procedure.stage == "judge":
        return _judged(procedure, name)
    if name == "space":
        return _take(procedure, rest)
    return _moved(procedure, name), None


def _moved(procedure: Procedure, key: str) -> Procedure:
    shown, number = procedure.shown, procedure.shown.at + 1
    match key:
        case "f":
            return _fit(procedure) if procedure.stage == "measure" else _judge(procedure)
        case "d":
            again = shown.again()
            return _with_shown(replace(procedure, said=f"Point {again.at + 1} is to be measured again."), again)
        case "s":
            return _with_shown(replace(procedure, said=f"Point {number} is left out."), shown.skip())
        case "n" | "b":
            return _with_shown(replace(procedure, said=""), shown.move(1 if key == "n" else -1))
    return procedure


def _with_shown(procedure: Procedure, shown: ShownTargets) -> Procedure:
    return replace(procedure, others=shown) if procedure.stage == "validate" else replace(procedure, points=shown)


def _take(procedure: Procedure, rest: Rest | str) -> tuple[Procedure, Wish | None]:
    if procedure.is_hidden:
        return replace(procedure, said="Not taken: nothing is shown. Press h first."), None
    if isinstance(rest, str):
        return replace(procedure, said=f"Not taken: {rest}."), None
    if (same := _same_place(procedure, rest)) is not None:
        return replace(procedure, said=f"Not taken: the eye is still where it was for point {same + 1}."), None
    number, shown = procedure.shown.at + 1, procedure.shown.take(rest)
    said = f"Point {number} is taken, from {rest.n_samples} samples."
    if len(shown.measured) == len(shown.targets):
        said += " All are: f goes on."
    return _with_shown(replace(procedure, said=said), shown), "reward"


def _same_place(procedure: Procedure, rest: Rest) -> int | None:
    """Return the place of another point at which the eye rested just there: it has not gone to this one yet."""
    shown, units = procedure.shown, procedure.units_per_deg
    target = shown.targets[shown.at]
    for place, one in zip(shown.places, shown.measured, strict=True):
        if place == shown.at:
            continue
        apart_deg = math.hypot(target.x_deg - one.target.x_deg, target.y_deg - one.target.y_deg)
        near = _NEAR * apart_deg * units if units is not None else max(rest.scatter, one.rest.scatter)
        if math.hypot(rest.first - one.rest.first, rest.second - one.rest.second) <= near:
            return place
    return None


def _fit(procedure: Procedure) -> Procedure:
    try:
        fitted = fit_map(procedure.points.measured)
    except NoMapError as error:
        return replace(procedure, said=f"No map yet: {error}.")
    if fitted.bad is None:
        return replace(
            procedure,
            fitted=fitted,
            told=None,
            stage="validate",
            said="A map is there. Other points show how good it is.",
        )
    place = procedure.points.places[fitted.bad]
    if procedure.told == place:
        said = f"The map is made without point {place + 1}. Other points show how good it is."
        return replace(procedure, fitted=fitted, stage="validate", said=said)
    said = (
        f"Point {place + 1} does not fit the others, by {fitted.errors_deg[fitted.bad]:.1f} deg: it is shown again. "
        "Take it once more, or press f to go on without it."
    )
    return replace(procedure, points=replace(procedure.points, at=place), told=place, said=said)


def _judge(procedure: Procedure) -> Procedure:
    judged = replace(procedure, stage="judge")
    return replace(judged, said=" ".join(part for part in (verdict_words(judged), why_not(judged)) if part))


def verdict_words(procedure: Procedure) -> str:
    """Return in a sentence how well the map fits."""
    verdict = procedure.verdict()
    if verdict is None:
        return ""
    kind = "other points" if verdict.is_validated else "points, each by the map of the others"
    return (
        f"Error {verdict.median_deg:.2f} deg (median), {verdict.worst_deg:.2f} deg (largest) "
        f"at {len(verdict.errors_deg)} {kind}."
    )


def why_not(procedure: Procedure) -> str:
    """Return in words why the map is not stored as it is; empty where it may be."""
    verdict = procedure.verdict()
    if verdict is None:
        return "There is no map yet."
    if not verdict.is_validated and "validation" not in procedure.despite:
        return (
            f"It is not stored: expected at least {_LEAST_VALIDATED} other points to try the map, found "
            f"{len(procedure.others.measured)}. Press v, or begin with --despite validation."
        )
    if verdict.worst_deg > procedure.most_deg and "error" not in procedure.despite:
        return (
            f"It is not stored: expected errors of at most {procedure.most_deg:g} deg, found "
            f"{verdict.worst_deg:.2f} deg. Press v or b to measure again, or begin with --despite error."
        )
    return ""


def _judged(procedure: Procedure, key: str) -> tuple[Procedure, Wish | None]:
    match key:
        case "y":
            reason = why_not(procedure)
            return replace(procedure, said=reason), None if reason else "store"
        case "v":
            again = not_yet(procedure.others.targets)
            return replace(procedure, stage="validate", others=again, said="The other points are shown again."), None
        case "b":
            # What was validated was of another map than the next one.
            again = not_yet(procedure.others.targets)
            return replace(procedure, stage="measure", told=None, others=again, said="Back at the points."), None
    return procedure, None
