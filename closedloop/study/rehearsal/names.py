"""What the real recorder will call its files: as the rig orders it, with what tells the study's arrays apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from closedloop.artifacts.rig.ports import DEFAULT_FILE
from closedloop.artifacts.study import StudyDocument
from closedloop.devices.files import processor_of
from closedloop.errors import RecordingError
from closedloop.study.completeness.wanted import array_patterns

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\s]')
_CLASS = re.compile(r"\[!?([^\]])[^\]]*\]")  # of a pattern of names: one of these letters
_FIRST_DAY = datetime(2022, 1, 3, 9, tzinfo=UTC)  # as the simulated array's files carry


def recording_start(day: int) -> datetime:
    """Return when a simulated recording began: made up, and the same whenever it is made."""
    return _FIRST_DAY + timedelta(days=day)


def recording_name(pattern: str | None, *, session_id: str, day: int) -> str:
    """Return a recording's name without an ending, as the rig gives it.

    Parameters
    ----------
    pattern
        ``recorder.file`` of rig.yaml; None for the usual one.
    session_id, day
        Of the session.
    """
    whole = (pattern or DEFAULT_FILE).format(
        session=_NOT_IN_NAMES.sub("_", session_id), launch=1, part=1, time=f"{recording_start(day):%Y%m%dT%H%M%S}"
    )
    return re.split(r"[/\\]", whole)[-1]


def file_stems(study: StudyDocument, name: str) -> dict[int, str]:
    """Return the names of the arrays' files, without endings, by the number of the simulated processor.

    Parameters
    ----------
    study
        Its arrays, and how their files are told apart.
    name
        Of the recording.

    Raises
    ------
    RecordingError
        No name of this recording would be told to be an array's.
    """
    patterns = array_patterns(study)
    if patterns:
        stems = {number: _filled(pattern, name) for number, pattern in enumerate(patterns, start=1)}
    elif len(study.arrays) > 1:
        stems = {number: f"{name}_{array}" for number, array in enumerate(study.arrays, start=1)}
    else:
        return {1: name}
    for number, stem in stems.items():
        wanted = number if patterns else processor_of(Path(study.arrays[number - 1]))
        found = processor_of(Path(f"{stem}.nev"), arrays=patterns)
        if found != wanted:
            raise RecordingError(
                f"{stem}.nev: expected a name that tells array {wanted}, found that it tells {found}. Name the arrays "
                "otherwise, or the recording (recorder.file in rig.yaml)."
            )
    return stems


def _filled(pattern: str, name: str) -> str:
    """Return a name that a pattern means: the recording's in place of its first star."""
    text = _CLASS.sub(r"\1", pattern).replace("?", "1")
    before, star, after = text.partition("*")
    stem = f"{before}_{name}{after.replace('*', '')}" if star and before else f"{name}{after}" if star else before
    return re.sub(r"\.(nev|ns[1-6])$", "", stem, flags=re.IGNORECASE)
