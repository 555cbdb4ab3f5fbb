"""rules.yaml: what the laboratory leaves out, before anything is averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from closedloop.artifacts.discrimination.rows import SubjectCode
from closedloop.artifacts.documents import Section, validate
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml

Share = Annotated[float, Field(ge=0, le=1)]


class ExclusionRules(Section):
    """Keys of rules.yaml. Trials without an answer in time count for nothing whatever stands here (section 6.2)."""

    format_version: Literal[1] = 1
    kind: Literal["discrimination_rules"] = "discrimination_rules"
    least_catch_rate: Share = Field(
        default=0.0, description="sessions with a smaller part of their catch trials called different are left out"
    )
    most_time_outs: Share = Field(default=1.0, description="sessions with a larger part without an answer are left out")
    most_late: Share = Field(
        default=1.0, description="sessions with a larger part of trials with a frame that came late are left out"
    )
    most_off: Share = Field(
        default=1.0,
        description="sessions with a larger part of trials of which an image or the grey was up for another time than "
        "asked for, by more than a tenth and than a frame, are left out",
    )
    finished_only: bool = Field(default=False, description="sessions that did not come to their end are left out")
    drop_late_trials: bool = Field(default=False, description="single trials with a frame that came late are left out")
    drop_off_trials: bool = Field(
        default=False, description="single trials of which an image or the grey was up for another time are left out"
    )
    drop_seen_before: bool = Field(
        default=False, description="single trials that were begun before, and cut by a reload or a kill, are left out"
    )
    least_reaction_ms: float = Field(
        default=0.0, ge=0, le=600_000, description="single trials answered faster are left out"
    )
    left_out: dict[SubjectCode, Annotated[str, Field(min_length=1, max_length=1_000)]] = Field(
        default_factory=dict, description="subjects left out by a person: code and reason"
    )


def read_rules(path: Path) -> ExclusionRules:
    """Read the laboratory's rules.

    Raises
    ------
    DocumentError
        The file is missing, is no YAML, or has keys that are none.
    """
    missing = "expected the rules of what is left out, found no file. Correct the path."
    content = read_limited(path, most_bytes=MOST_YAML_BYTES, missing=missing)
    plain = parse_yaml(content, place=str(path), remedy="Correct the line; docs/discrimination.md has every key.")
    return validate(ExclusionRules, plain, place=str(path))
