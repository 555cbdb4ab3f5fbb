"""Every number of what decides an experiment has a least and a most, and every name a length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.faults import describe_faults
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument
from closedloop.errors import ProtocolError
from tests.unit.artifacts.day.test_session import SCREEN, session
from tests.unit.artifacts.test_protocol import parsed
from tests.unit.messages import refused

_LEAST, _MOST = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}


def numbers_without_bounds(schema: Any, place: str = "") -> Iterator[str]:
    """Walk a JSON schema and yield the places of numbers that may be as large, or as small, as one likes."""
    if isinstance(schema, list):
        for one in schema:
            yield from numbers_without_bounds(one, place)
    elif isinstance(schema, dict):
        is_number = schema.get("type") in {"integer", "number"} and "const" not in schema and "enum" not in schema
        if is_number and not (_LEAST & set(schema) and _MOST & set(schema)):
            yield place
        for name, inner in schema.items():
            yield from numbers_without_bounds(inner, f"{place}.{name}")


@pytest.mark.parametrize("document", [Protocol, SessionDocument, StudyDocument], ids=lambda one: one.__name__)
def test_no_number_is_without_bounds(document: type[BaseModel]) -> None:
    lines = [place for place in numbers_without_bounds(document.model_json_schema()) if ".lines.items" not in place]
    assert lines == []  # a recorder's lines are compared with each other: none is below 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"days": 999_999_999_999}, "days: expected at most 100, found 999999999999"),
        ({"attack__steps": 999_999_999_999_999}, "attack.steps: expected at most 100,000, found 999999999999999"),
        ({"attack__batch_size": 999_999_999_999}, "attack.batch_size: expected at most 65,536 or auto"),
        ({"fit__epochs": 999_999_999_999}, "fit.epochs: expected at most 100,000"),
        ({"fit__base_learning_rate": 1e300}, "fit.base_learning_rate: expected at most 10, found 1e+300"),
        ({"recording__window_stop_ms": 1e300}, "recording.window_stop_ms: expected at most 10,000 ms, found 1e+300"),
        ({"recording__raw_electrodes": 99_999_999}, "recording.raw_electrodes: expected at most 128"),
        ({"presentation__refresh_hz": 1e-300}, "presentation.refresh_hz: expected at least 10 Hz, found 1e-300"),
        ({"presentation__on_ms": 1e300}, "presentation.on_ms: expected at most 60,000 ms, found 1e+300"),
        ({"presentation__screen_cm_per_px": 1e-300}, "presentation.screen_cm_per_px: expected at least 0.0005 cm"),
        ({"presentation__visual_angle_deg": 180.0}, "presentation.visual_angle_deg: expected less than 180 degrees"),
        ({"trial__saccade_boxcar_samples": 99_999_999_999}, "trial.saccade_boxcar_samples: expected at most 10,000"),
        ({"simulation__ignore_probability": 1.0}, "simulation.ignore_probability: expected at most 0.99, found 1.0"),
    ],
)
def test_a_number_that_nobody_means_is_refused_with_its_bound_in_words(values: dict[str, Any], said: str) -> None:
    with refused(ProtocolError, f"here: {said}") as caught:
        parsed(**values)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("subject", ["x" * 5_000_000, "x" * 256])
def test_a_name_that_no_line_holds_is_refused_and_not_printed(subject: str) -> None:
    with pytest.raises(ValidationError) as caught:
        session(subject=subject)
    said = describe_faults(caught.value, SessionDocument, {"subject": subject})
    assert said.startswith("subject: expected at most 255 characters, found 'xxx")
    assert len(said) < 200


@pytest.mark.parametrize("refresh_hz", [1e-9, 1e9])
def test_a_session_of_a_screen_that_never_flips_is_refused(refresh_hz: float) -> None:
    with pytest.raises(ValidationError, match="refresh_hz"):
        type(SCREEN).model_validate(SCREEN.model_dump() | {"refresh_hz": refresh_hz})
