"""Where a study's images and its base model are now: study.json keeps where they were when the study was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import StudyDocument

IMAGES: Final = "images"
BASE_MODEL: Final = "base_model"


def as_moved(study: StudyDocument, amendments: Sequence[Amendment]) -> StudyDocument:
    """Return a study with the places where its images and its base model are now.

    What they are is told by `inputs/`, by content; a place decides nothing, so that it is no part of any hash.

    Parameters
    ----------
    study
        As in study.json.
    amendments
        The study's.
    """
    moves = [line for line in standing(amendments) if line.kind == "move_study"]
    for line in moves:
        if folder := line.after.get(IMAGES):
            study = study.model_copy(update={"pool": study.pool.model_copy(update={"folder": folder})})
        if base_model := line.after.get(BASE_MODEL):
            study = study.model_copy(update={"base_model": base_model})
    return study


def said(line: Amendment) -> str:
    """Return what a `move_study` line says, in words."""
    names = {IMAGES: "images", BASE_MODEL: "base model"}
    places = [f"the {names[name]} are" if name == IMAGES else f"the {names[name]} is" for name in line.subject]
    found = [f"{place} in {line.after[name]}" for place, name in zip(places, line.subject, strict=True)]
    return f"said where {' and '.join(found)} now"
