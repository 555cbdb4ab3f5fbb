"""What was decided, in the words of history, report and page."""

from __future__ import annotations

from closedloop.artifacts.amended.exclusions import Exclusion, noted
from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.records.amendments import Amendment, Kind

SITE, EVALUATED = (Exclusion(part=part, thing="site", name="left-003", from_day=1) for part in ("fit", "evaluation"))
ARRAY = Exclusion(part="fit", thing="array", name="right", from_day=0)


def line(kind: Kind, **values: dict[str, str]) -> Amendment:
    common = {"simulated": False, "day": None, "utc": "2026-11-29T07:00:00+00:00", "who": "A", "why": "dead"}
    return Amendment.model_validate({"kind": kind, **common, **values})


def test_what_is_left_out_and_taken_in_again_is_said_once() -> None:
    both = noted([SITE, EVALUATED])
    site = "site left-003 from day 1 on"
    assert in_words(line("exclude", after=both)) == f"left out of the fit and the evaluation: {site}"
    assert in_words(line("include", before=both)) == f"took in again, in the fit and the evaluation: {site}"
    of_fit = noted([SITE, ARRAY])
    assert in_words(line("exclude", after=of_fit)) == f"left out of the fit: array right; {site}"
