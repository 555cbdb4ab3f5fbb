"""Images that were added to a study's list: from which day on they are drawn, and which additions are in force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.records.amendments import Amendment

N_IMAGES: Final = "n_images"
LIST_SHA256: Final = "list_sha256"


def additions(amendments: Sequence[Amendment], *, until_day: int | None = None) -> tuple[int, ...]:
    """Return the numbers of the additions that are in force, as rows of `inputs/added.parquet` have them.

    Parameters
    ----------
    amendments
        The study's.
    until_day
        The day that is drawn for; None: whichever.
    """
    return tuple(
        int(line.subject[0])
        for line in standing(amendments)
        if line.kind == "add_images" and (until_day is None or (line.day or 0) <= until_day)
    )


def additions_as_text(amendments: Sequence[Amendment], *, day: int) -> str:
    """Return what is added to the images that are drawn for a day, as JSON; empty where nothing is.

    Parameters
    ----------
    amendments
        The study's.
    day
        That will show them.
    """
    drawn = additions(amendments, until_day=day)
    lines = [line for line in standing(amendments) if line.kind == "add_images" and int(line.subject[0]) in drawn]
    told = [{"addition": line.subject[0], **line.after} for line in lines]
    return json.dumps(told, sort_keys=True) if told else ""


def said(line: Amendment) -> str:
    """Return what an `add_images` line says, in words."""
    n = line.after.get(N_IMAGES, "?")
    return f"added {n} image{'' if n == '1' else 's'}: they are drawn from day {line.day} on"
