"""What the operator sees of a calibration, as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from rig.calibration.gaze.fit import FittedMap, errors_deg
from rig.calibration.gaze.procedure import KEYS, Procedure
from rig.calibration.gaze.steady import Rest
from rig.ports.gaze import GazePoint

_STAGES: Final = {
    "measure": "1 of 3: points for the map",
    "validate": "2 of 3: other points, to try the map",
    "judge": "3 of 3: store it?",
}
_FIELD_ROWS, _FIELD_COLUMNS = 11, 31


def page_lines(
    procedure: Procedure,
    *,
    title: str,
    eye: GazePoint | None,
    rest: Rest | str,
    question: str = "",
    n_columns: int = 80,
) -> list[str]:
    """Return the page.

    Parameters
    ----------
    procedure
        Where the calibration is.
    title
        Of which rig and tracker.
    eye
        The newest sample, in the tracker's units.
    rest
        Where the eye rests, or in words why it cannot be said.
    question
        What is to be answered before anything else.
    n_columns
        Width of the terminal, characters.
    """
    fitted = procedure.map_so_far()
    return [
        f"{title}   {_STAGES[procedure.stage]}",
        KEYS[procedure.stage],
        "",
        *textwrap.wrap(question or procedure.said, n_columns),
        "",
        *textwrap.wrap(_eye_line(fitted, eye, rest), n_columns, drop_whitespace=False),
        "",
        *_points(procedure, fitted),
        "",
        *_field(procedure, fitted, eye),  # last: what a low terminal cuts off is least needed
    ]


def _points(procedure: Procedure, fitted: FittedMap | None) -> Iterator[str]:
    shown = procedure.shown
    yield "   point    right      up      the tracker's two values     error"
    places = dict(zip(shown.places, shown.measured, strict=True))
    for place, target in enumerate(shown.targets):
        mark = ">" if place == shown.at and procedure.stage != "judge" else " "
        line = f" {mark} {place + 1:5}  {target.x_deg:+7.2f} {target.y_deg:+7.2f}"
        measured = places.get(place)
        if measured is not None:
            line += f"  {measured.rest.first:12.6g}  {measured.rest.second:12.6g}"
            gaze_map = procedure.fitted if procedure.stage == "validate" else fitted
            if gaze_map is not None:
                line += f"  {errors_deg(gaze_map.gaze_map, [measured])[0]:6.2f} deg"
        yield line


def _eye_line(fitted: FittedMap | None, eye: GazePoint | None, rest: Rest | str) -> str:
    if eye is None:  # an eye that rested did so at the last point: another one is shown since
        return f"eye: none   {rest if isinstance(rest, str) else 'not seen at this point yet'}"
    state = rest if isinstance(rest, str) else "rests"
    words = f"eye: {eye.x_deg:.6g}, {eye.y_deg:.6g}"
    if fitted is not None:
        x_deg, y_deg = fitted.gaze_map.to_degrees(eye.x_deg, eye.y_deg)
        words += f" = {x_deg:+.2f}, {y_deg:+.2f} deg"
    return f"{words}   {state}"


def _field(procedure: Procedure, fitted: FittedMap | None, eye: GazePoint | None) -> Iterator[str]:
    """Yield the screen in characters: targets, where the map puts what was measured at them, and the eye."""
    if fitted is None:
        return
    reach_x = 1.25 * max(abs(one.x_deg) for one in procedure.points.targets)
    reach_y = 1.25 * max(abs(one.y_deg) for one in procedure.points.targets)
    cells = [[" "] * _FIELD_COLUMNS for _ in range(_FIELD_ROWS)]

    def put(x_deg: float, y_deg: float, sign: str) -> None:
        column = round((x_deg / reach_x + 1) / 2 * (_FIELD_COLUMNS - 1))
        row = round((1 - y_deg / reach_y) / 2 * (_FIELD_ROWS - 1))
        cells[max(0, min(row, _FIELD_ROWS - 1))][max(0, min(column, _FIELD_COLUMNS - 1))] = sign

    for target in procedure.shown.targets:
        put(target.x_deg, target.y_deg, "o")
    for one in procedure.shown.measured:
        put(*fitted.gaze_map.to_degrees(one.rest.first, one.rest.second), "x")
    if eye is not None:
        put(*fitted.gaze_map.to_degrees(eye.x_deg, eye.y_deg), "@")
    yield f"+{'-' * _FIELD_COLUMNS}+  o target"
    legend = {0: "  x where the map puts it", 1: "  @ the eye now"}
    for number, row in enumerate(cells):
        yield f"|{''.join(row)}|{legend.get(number, '')}"
    yield f"+{'-' * _FIELD_COLUMNS}+"
