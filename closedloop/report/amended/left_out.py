"""What people left out and what was not shown, as sentences on every page that it concerns."""

from __future__ import annotations

from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.amended.exclusions import Exclusion, exclusions, said_of_all
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.plain_text.printed import capitalized
from closedloop.report.reading import DayRecord, StudyRecord
from closedloop.report.wording import count


def left_out(record: StudyRecord, *, day: DayRecord | None = None) -> list[str]:
    """Say what is left out and what was not shown, on one day or on all of them.

    Parameters
    ----------
    record
        The study.
    day
        Whose page it is; None for the study's.
    """
    amendments = read_amendments(record.paths.amendments)
    days = record.days if day is None else (day,)
    things = [one for one in exclusions(amendments) if day is None or _concerns(one, day)]
    lines = [f"Left out by decision: {words}." for words in said_of_all(things)]
    for one in days:
        lines += _numbers(one)
        lines += _closed(one, amendments)
    return lines


def _concerns(one: Exclusion, day: DayRecord) -> bool:
    """Return whether a session's numbers are without it: those of a later session of the day hold the earlier ones."""
    return one.covers(day.day) and one.is_known_by(day.session)


def _numbers(day: DayRecord) -> list[str]:
    """Say how many responses it took away, of the part that has been made again."""
    lines = []
    if day.evaluation is not None and day.evaluation.left_out:
        taken = ", ".join(f"{words}: {count(n)}" for words, n in day.evaluation.left_out.items())
        lines.append(f"Responses left out of the evaluation of {day.session.said}: {taken}.")
    if day.fit is not None and day.fit.left_out:
        taken = ", ".join(f"{words}: {count(n)}" for words, n in day.fit.left_out.items())
        lines.append(f"Responses left out of the fit after {day.session.said}: {taken}.")
    return lines


def _closed(day: DayRecord, amendments: tuple[Amendment, ...]) -> list[str]:
    lines = []
    closed = closed_day(amendments, day.session)
    if closed is not None:
        lines.append(f"{capitalized(closed.said)}.")
    if day.quality is not None and day.quality.about_sites:
        lines.append(day.quality.about_sites)
    if day.fit is not None and str(day.session.seed_name) in day.fit.days_not_fitted:
        lines.append(f"Nothing of {day.session.said} is fitted: {day.fit.days_not_fitted[str(day.session.seed_name)]}.")
    missed = day.plan.not_shown_before if day.plan is not None else None
    if missed is not None:
        lines.append(
            f"Of day {missed.day} {count(missed.n_presentations)} presentations were not shown: "
            f"{count(missed.n_pairs)} pairs lack an image, and {count(missed.n_images)} clean images were never seen, "
            f"of which day {day.day} shows {count(missed.n_offered)}."
        )
    if day.plan is not None and day.plan.left_out:
        lines.append(f"Not attacked on {day.session.said}: {'; '.join(day.plan.left_out)}.")
    return lines
