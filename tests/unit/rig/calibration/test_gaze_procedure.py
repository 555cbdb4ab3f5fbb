"""What each key does in a calibration of gaze, and what is stored when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closedloop.artifacts.rig.calibrations import GazeMap
from rig.calibration.gaze.procedure import Procedure, not_yet, press, why_not
from rig.calibration.gaze.simulated import Distortion
from rig.calibration.gaze.steady import Rest
from rig.calibration.gaze.targets import layout_of, other_targets
from tests.unit.rig.calibration.eyes import EXTENT, field_errors_deg, seen

TRACKER = Distortion()


def begun(n_points=5, **changes) -> Procedure:
    return Procedure(
        points=not_yet(layout_of(n_points, EXTENT)), others=not_yet(other_targets(EXTENT)), most_deg=1.0, **changes
    )


def looked_at(procedure: Procedure, off_deg=(0.0, 0.0)) -> Rest:
    return seen(TRACKER, procedure.target, off_deg=off_deg).rest


def taken(procedure: Procedure, n: int, off_deg=(0.0, 0.0)) -> Procedure:
    """Take points where the eye is, or beside them."""
    for _ in range(n):
        procedure, wish = press(procedure, "space", looked_at(procedure, off_deg))
        assert wish == "reward", procedure.said
    return procedure


def pressed(procedure: Procedure, keys: str) -> Procedure:
    for key in keys:
        procedure, wish = press(procedure, key, "the eye moves")
        assert wish is None
    return procedure


def judged(off_deg=(0.0, 0.0), n_validated=5, **changes) -> Procedure:
    """Return a procedure at its end, its other points looked at beside by so much."""
    return pressed(taken(pressed(taken(begun(**changes), 5), "f"), n_validated, off_deg), "f")


def test_from_the_first_point_to_the_word_that_stores_it() -> None:
    procedure = begun(9)
    assert procedure.target == procedure.points.targets[0]
    procedure = taken(procedure, 9)
    assert "All are: f goes on" in procedure.said
    procedure = taken(pressed(procedure, "f"), 5, (0.3, -0.4))
    assert procedure.stage == "validate"
    procedure = pressed(procedure, "f")
    assert procedure.stage == "judge"
    assert procedure.target is None
    assert procedure.said == "Error 0.50 deg (median), 0.50 deg (largest) at 5 other points."
    _, wish = press(procedure, "y", "the eye moves")
    assert wish == "store"
    assert field_errors_deg(procedure.gaze_map(), TRACKER).max() < 1e-9
    assert procedure.n_fitted == 9


def test_an_eye_that_does_not_rest_is_not_taken_and_gets_nothing() -> None:
    procedure, wish = press(begun(), "space", "the eye moves")
    assert (wish, procedure.points.measured, procedure.points.at) == (None, (), 0)
    assert procedure.said == "Not taken: the eye moves."


def test_an_eye_that_has_not_gone_to_the_next_target_yet_is_not_taken() -> None:
    procedure = begun()
    rest = looked_at(procedure)
    for n_taken in (1, 2, 3):
        procedure = taken(procedure, 1) if n_taken < 3 else procedure
        procedure, wish = press(procedure, "space", replace(rest, first=rest.first + 0.5))
        assert wish is None
        assert procedure.said == "Not taken: the eye is still where it was for point 1."
    assert len(procedure.points.measured) == 2


def test_a_point_is_measured_again_by_a_key() -> None:
    procedure = taken(begun(), 3)
    assert procedure.points.places == (0, 1, 2)
    procedure = pressed(procedure, "d")  # the one that is shown has nothing: the last one is meant
    assert (procedure.points.at, procedure.points.places) == (2, (0, 1))
    procedure = pressed(procedure, "bbd")
    assert (procedure.points.at, procedure.points.places) == (0, (1,))
    procedure = taken(procedure, 1, (0.2, 0.0))
    assert procedure.points.rests[0] == seen(TRACKER, procedure.points.targets[0], off_deg=(0.2, 0.0)).rest
    assert procedure.points.at == 2  # the next one that is open


def test_points_are_gone_through_and_left_out() -> None:
    procedure = pressed(begun(), "n")
    assert procedure.points.at == 1
    assert pressed(procedure, "bb").points.at == 4
    procedure = pressed(procedure, "s")
    assert procedure.points.at == 2
    procedure = pressed(taken(procedure, 3), "f")  # the last of them goes on to the first, which is open
    assert procedure.stage == "measure"
    assert procedure.said == "No map yet: expected at least 5 points, found 3. Measure more."


def test_reward_is_given_by_key_at_any_time() -> None:
    for procedure in (begun(), pressed(taken(begun(), 5), "f"), judged()):
        assert press(procedure, "r", "the eye moves") == (procedure, "reward")


def test_nothing_is_taken_while_the_target_is_hidden() -> None:
    procedure = pressed(begun(), "h")
    assert procedure.target is None
    procedure, wish = press(procedure, "space", Rest(0.0, 0.0, scatter=1.0, n_samples=100))
    assert (wish, procedure.said) == (None, "Not taken: nothing is shown. Press h first.")
    assert pressed(procedure, "h").target == procedure.points.targets[0]


def with_a_bad_point(place=2) -> Procedure:
    procedure = begun(9)
    for number in range(9):
        procedure = taken(procedure, 1, (4.0, 1.0) if number == place else (0.0, 0.0))
    return procedure


def test_a_point_that_does_not_fit_is_named_and_shown_again() -> None:
    procedure = pressed(with_a_bad_point(), "f")
    assert (procedure.stage, procedure.points.at) == ("measure", 2)
    assert procedure.said.startswith("Point 3 does not fit the others, by 4.1 deg: it is shown again.")
    procedure = pressed(taken(procedure, 1), "f")
    assert (procedure.stage, procedure.n_fitted) == ("validate", 9)
    assert procedure.fitted is not None
    assert procedure.fitted.bad is None


def test_a_point_that_does_not_fit_is_left_out_by_a_second_word() -> None:
    procedure = pressed(with_a_bad_point(), "ff")
    assert (procedure.stage, procedure.n_fitted) == ("validate", 8)
    assert procedure.said.startswith("The map is made without point 3.")
    assert field_errors_deg(procedure.gaze_map(), TRACKER).max() < 1e-9


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"off_deg": (1.2, 0.0)}, "expected errors of at most 1 deg, found 1.20 deg"),
        ({"n_validated": 2}, "expected at least 3 other points to try the map, found 2"),
    ],
)
def test_a_map_that_does_not_fit_or_was_not_tried_is_stored_by_name_alone(made, said) -> None:
    procedure = judged(**made)
    assert said in procedure.said
    refused, wish = press(procedure, "y", "the eye moves")
    assert wish is None
    assert said in refused.said
    name = "validation" if "n_validated" in made else "error"
    other = {"validation": "error", "error": "validation"}[name]
    assert press(judged(**made, despite=frozenset([other])), "y", "the eye moves")[1] is None
    assert press(judged(**made, despite=frozenset([name])), "y", "the eye moves")[1] == "store"


def test_without_validation_the_error_is_that_of_each_point_by_the_map_of_the_others() -> None:
    fitness = judged(n_validated=0).verdict()
    assert fitness is not None
    assert (fitness.is_validated, len(fitness.errors_deg)) == (False, 5)
    fitness = judged(n_validated=3, off_deg=(0.0, 0.7)).verdict()
    assert fitness is not None
    assert fitness.is_validated
    assert fitness.errors_deg == pytest.approx([0.7] * 3)


def test_who_goes_back_to_the_points_validates_again() -> None:
    procedure = pressed(judged(), "b")
    assert procedure.stage == "measure"
    assert not procedure.others.measured
    assert len(procedure.points.measured) == 5
    assert pressed(judged(), "v").stage == "validate"
    assert not pressed(judged(), "v").others.measured


def test_before_there_is_a_map_nothing_is_stored() -> None:
    assert why_not(begun()) == "There is no map yet."
    assert begun().verdict() is None
    with pytest.raises(ValueError, match="expected a map"):
        begun().gaze_map()


def test_a_key_of_no_meaning_changes_nothing() -> None:
    for procedure in (begun(), judged()):
        assert press(procedure, "x", "the eye moves") == (procedure, None)


def test_a_map_is_in_the_words_of_the_description() -> None:
    gaze_map = judged().gaze_map()
    assert isinstance(gaze_map, GazeMap)
    assert gaze_map.to_degrees(*TRACKER.first[:1], *TRACKER.second[:1]) == pytest.approx((0.0, 0.0), abs=1e-9)
