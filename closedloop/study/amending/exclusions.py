"""Leave sites, arrays, days or presentations out of the fit, the evaluation or both, and take that back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closedloop.artifacts.amended.exclusions import (
    Exclusion,
    LeftOutOf,
    exclusions,
    not_attacked,
    noted,
    said,
    said_of_all,
)
from closedloop.artifacts.catalog import JOURNAL, SITES
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import OptionError, StudyError
from closedloop.study.amending.decide import Decision, decide


@dataclass(frozen=True)
class Things:
    """What a person asks to leave out, or to take in again.

    Attributes
    ----------
    sites
        Names ("array1-042") or outputs of the model.
    electrodes
        Array and the recorder's number ("array1/42").
    arrays
        Names.
    day
        Of `presentations`; else the whole of it is meant.
    presentations
        The first and the last one, as the journal counts them from 0.
    from_day, to_day
        Days on which sites and arrays are meant; to the end without a last one.
    parts
        What it is left out of.
    """

    sites: tuple[str, ...] = ()
    electrodes: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    day: int | None = None
    presentations: tuple[int, int] | None = None
    from_day: int = 0
    to_day: int | None = None
    parts: tuple[LeftOutOf, ...] = ()


@dataclass(frozen=True)
class _StudyNow:
    paths: StudyPaths
    document: StudyDocument
    protocol: Protocol

    def first_not_planned(self) -> int:
        """Return the first day that has no plan yet and is not skipped; the day after the last one where all have."""
        days, skipped = range(self.protocol.days), self.paths.sequence.skipped
        return next((day for day in days if day not in skipped and not self._has("plan", day)), self.protocol.days)

    def ready(self) -> int | None:
        """Return the day whose session is ready and was not shown; None where there is none."""
        days = range(self.protocol.days)
        return next((day for day in days if self._has("schedule", day) and not is_shown(self.paths, day)), None)

    def _has(self, stage: str, day: int) -> bool:
        return (self.paths.folder(stage, day) / MANIFEST_NAME).is_file()

    def sites(self) -> tuple[Site, ...]:
        """Read the sites, which day 0 chose.

        Raises
        ------
        StudyError
            It has not chosen yet.
        """
        if not self._has("ingest", 0):
            raise StudyError(
                f"{self.paths.root}: expected sites, which day 0 chooses, found day 0 without a recording that was "
                "taken in. Leave them out once they are known."
            )
        return SITES.read(SITES.published(self.paths, 0)).sites

    def site(self, name: str) -> str:
        """Return the name of a site that is given by name or by its output."""
        chosen = {site.neuroid_id: site.site_index for site in self.sites() if site.site_index is not None}
        found = [one for one, index in chosen.items() if name in (one, str(index))]
        if not found:
            raise OptionError(f"--site: expected one of {', '.join(chosen)}, found {name}. Correct it.")
        return found[0]

    def electrode(self, name: str) -> str:
        """Return the name of the site on an electrode that is given by array and the recorder's number."""
        array, _, number = name.rpartition("/")
        sites = [one for one in self.sites() if one.site_index is not None]
        found = [
            one.neuroid_id
            for one in sites
            if one.neuroid_id.rpartition("-")[0] == array and str(one.electrode_id) == number
        ]
        if not found:
            known = ", ".join(f"{one.neuroid_id.rpartition('-')[0]}/{one.electrode_id}" for one in sites)
            raise OptionError(
                f"--electrode: expected ARRAY/ID of a site of the model ({known}), found {name}. Correct it."
            )
        return found[0]

    def array(self, name: str) -> str:
        """Return an array's name."""
        known = dict.fromkeys(
            [*self.document.arrays, *(one.neuroid_id.rpartition("-")[0] for one in self._sites_or_none())]
        )
        if not known:
            self.sites()  # which says that day 0 names the arrays
        if name not in known:
            raise OptionError(f"--array: expected one of {', '.join(known)}, found {name}. Correct it.")
        return name

    def _sites_or_none(self) -> tuple[Site, ...]:
        return self.sites() if self._has("ingest", 0) else ()

    def n_presentations(self, day: int) -> int:
        """Return how many presentations a day's journal has.

        Raises
        ------
        StudyError
            It has no journal yet.
        """
        place = JOURNAL.published(self.paths, day)
        if not place.is_file():
            raise StudyError(f"{place}: expected the journal of day {day}, found none. Nothing of it can be left out.")
        return len(JOURNAL.read(place).presentations)


def exclude(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    wanted: Things,
    *,
    by: str | None,
    why: str,
    keep_attacking: bool,
) -> list[str]:
    """Leave out what is wanted, and say what follows.

    Parameters
    ----------
    paths, study, protocol
        The study.
    wanted
        What.
    by, why
        Who decides, by the account's name where None, and the reason.
    keep_attacking
        Whether sites left out of the evaluation are attacked on days to come nevertheless.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        There is no such thing, or it is left out already.
    """
    one = _StudyNow(paths, study, protocol)
    things = _things(one, wanted)
    ahead = range(one.first_not_planned(), protocol.days)
    stops = [
        thing
        for thing in things
        if thing.part == "evaluation" and thing.thing in ("site", "array") and any(map(thing.covers, ahead))
    ]
    from_day = None if keep_attacking or not stops else ahead.start
    if from_day is not None:
        _refuse_to_attack_nothing(one, stops, ahead)

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        standing = exclusions(amendments)
        if not set(things) - set(standing):
            raise StudyError(
                f"{paths.root}: expected what is not left out yet, found {'; '.join(said_of_all(things))}. "
                "Nothing is left to do."
            )
        return Decision(
            kind="exclude",
            day=wanted.day,
            subject=tuple(dict.fromkeys(said(thing) for thing in things)),
            after=noted(things, not_attacked_from_day=from_day),
        )

    decision(read_amendments(paths.amendments))  # refused before anything is written
    decide(paths, study, by=by, why=why, decision=decision)
    return [*(f"{line}." for line in said_of_all(things)), *_follows(one, things, not_attacked_from=from_day)]


def include(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, wanted: Things, *, by: str | None, why: str
) -> list[str]:
    """Take in again what was left out, named by the same words, and say what follows.

    Parameters
    ----------
    paths, study, protocol
        The study.
    wanted
        What.
    by, why
        Who decides, by the account's name where None, and the reason.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        It is not left out.
    """
    one = _StudyNow(paths, study, protocol)
    things = _things(one, wanted)

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        standing = exclusions(amendments)
        strange = [thing for thing in things if thing not in standing]
        if strange:
            raise StudyError(
                f"{paths.root}: expected what is left out ({'; '.join(said_of_all(standing)) or 'nothing is'}), found "
                f"{said(strange[0])} of the {strange[0].part}. Name it by the words and days by which it was left out."
            )
        return Decision(
            kind="include",
            day=wanted.day,
            subject=tuple(dict.fromkeys(said(thing) for thing in things)),
            before=noted(things),
        )

    decision(read_amendments(paths.amendments))  # refused before anything is written
    decide(paths, study, by=by, why=why, decision=decision)
    words = dict.fromkeys(said(thing) for thing in things)
    return [*(f"{line}: counts again." for line in words), *_follows(one, things, not_attacked_from=None)]


def _things(one: _StudyNow, wanted: Things) -> tuple[Exclusion, ...]:
    days = {"from_day": wanted.from_day, "to_day": wanted.to_day}
    last = one.protocol.days - 1
    for option, day in (("--day", wanted.day), ("--from-day", wanted.from_day), ("--to-day", wanted.to_day)):
        if day is not None and day > last:
            raise OptionError(f"{option}: expected a day from 0 to {last}, found {day}. Correct it.")
    if wanted.to_day is not None and wanted.to_day < wanted.from_day:
        raise OptionError(f"--to-day: expected day {wanted.from_day} or later, found {wanted.to_day}. Correct it.")
    found = list[dict[str, object]]()
    found += [{"thing": "site", "name": one.site(name), **days} for name in wanted.sites]
    found += [{"thing": "site", "name": one.electrode(name), **days} for name in wanted.electrodes]
    found += [{"thing": "array", "name": one.array(name), **days} for name in wanted.arrays]
    if wanted.day is not None:
        of_day = {"from_day": wanted.day, "to_day": wanted.day}
        stretch = _stretch(one, wanted)
        found.append({"thing": "presentations" if stretch else "day", **of_day, **stretch})
    if not found:
        raise OptionError(
            "What is meant: expected --site, --electrode, --array, --day or --presentations, found none. Name it."
        )
    return tuple(Exclusion.model_validate({"part": part, **thing}) for thing in found for part in wanted.parts)


def _stretch(one: _StudyNow, wanted: Things) -> dict[str, int]:
    if wanted.presentations is None or wanted.day is None:
        return {}
    first, last = wanted.presentations
    n = one.n_presentations(wanted.day)
    if not 0 <= first <= last < n:
        raise OptionError(
            f"--presentations: expected FROM-TO within 0-{n - 1}, which day {wanted.day} has, found {first}-{last}. "
            "Correct it."
        )
    return {"first": first, "last": last}


def _refuse_to_attack_nothing(one: _StudyNow, stops: Sequence[Exclusion], ahead: Iterable[int]) -> None:
    """Refuse what would leave a day to come, that is not planned, without a site to attack."""
    chosen = [site.neuroid_id for site in one.sites() if site.site_index is not None] if one.first_not_planned() else []
    amendments = read_amendments(one.paths.amendments)
    for day in ahead if chosen else ():
        out = [*(thing for thing in stops if thing.covers(day)), *not_attacked(amendments, day=day)]
        if all(any(thing.covers_site(name) for thing in out) for name in chosen):
            raise StudyError(
                f"{one.paths.root}: expected a site that is still attacked on day {day}, found that all {len(chosen)} "
                "would be left out. Pass --keep-attacking, or end the study."
            )


def _follows(one: _StudyNow, things: Sequence[Exclusion], *, not_attacked_from: int | None) -> list[str]:
    parts = {thing.part for thing in things}
    lines = []
    if not_attacked_from is not None:
        first = max(not_attacked_from, min(thing.from_day for thing in things))
        planned = ", the first that is not planned" if first == not_attacked_from else ""
        lines.append(f"Attacked no longer from day {first} on{planned}.")
    ready = one.ready()
    if ready is not None and "fit" in parts and any(thing.from_day < ready for thing in things):
        lines.append(
            f"The session of day {ready}, which was ready, is made anew with another model: take the new one to the "
            "rig. If the old one was shown meanwhile, take this decision back first."
        )
    again = {"fit": "the fits", "evaluation": "the evaluations"}
    lines.append(
        f"Made again from the same recordings: {' and '.join(again[part] for part in sorted(parts, reverse=True))} of "
        "these days, and what follows from them. What was recorded stands."
    )
    return lines
