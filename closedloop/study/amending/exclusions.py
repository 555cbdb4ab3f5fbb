"""Leave sites, arrays, days or presentations out of the fit, the evaluation or both, and take that back."""

from __future__ import annotations

from collections.abc import Sequence
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
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import OptionError, StudyError
from closedloop.study.amending.decide import Decision, decide, refuse_other_day
from closedloop.study.amending.recorded import is_sealed
from closedloop.study.amending.ways_back import command_of_things


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
    block
        With `day`, which of its sessions; None: all of the day, or presentations of its first session.
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
    block: int | None = None
    from_day: int = 0
    to_day: int | None = None
    parts: tuple[LeftOutOf, ...] = ()


@dataclass(frozen=True)
class _StudyNow:
    paths: StudyPaths
    document: StudyDocument
    protocol: Protocol

    def first_to_make(self, things: Sequence[Exclusion] = ()) -> Block:
        """Return the first session that is still to be made, or is made anew; the day after the last one where none is.

        One that is ready stands, unless another model comes of what is left out: its attacks are then made anew.
        Attacks that no session shows yet are made anew rather than shown to a site that is gone.

        Parameters
        ----------
        things
            What is left out.
        """
        n_days = self.protocol.days
        fitted = [thing for thing in things if thing.part == "fit"]
        return next(
            (
                one
                for one in self.paths.sequence.blocks(n_days)
                if not is_shown(self.paths.at(one), one.day)
                and (not self._has("schedule", one) or any(_is_fitted_before(thing, one) for thing in fitted))
            ),
            Block(n_days),
        )

    def ready(self) -> Block | None:
        """Return the session that is ready and was not shown; None where there is none."""
        blocks = self.paths.sequence.blocks(self.protocol.days)
        return next(
            (one for one in blocks if self._has("schedule", one) and not is_shown(self.paths.at(one), one.day)), None
        )

    def _has(self, stage: str, session: Block) -> bool:
        return is_sealed(self.paths.at(session), stage, session.day)

    def sites(self) -> tuple[Site, ...]:
        """Read the sites, which day 0 chose.

        Raises
        ------
        StudyError
            It has not chosen yet.
        """
        if not self._has("ingest", FIRST):
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
        """Return the name that an array's sites have: `init` may have been told another beside its files' pattern."""
        processors = {one.neuroid_id.rpartition("-")[0]: one.processor for one in self._sites_or_none()}
        told = [one.name for one in self.document.array_files]
        known = dict.fromkeys([*self.document.arrays, *processors])
        if not known or (name in told and not processors):
            self.sites()  # which says that day 0 names the arrays
        if name not in known:
            raise OptionError(f"--array: expected one of {', '.join(known)}, found {name}. Correct it.")
        number = told.index(name) + 1 if name in told and name not in processors else None
        found = [one for one, processor in processors.items() if processor == number] if number else [name]
        if not found:
            raise OptionError(f"--array: expected one of {', '.join(processors)}, found {name}: no sites. Correct it.")
        return found[0]

    def _sites_or_none(self) -> tuple[Site, ...]:
        return self.sites() if self._has("ingest", FIRST) else ()

    def n_presentations(self, session: Block) -> int:
        """Return how many presentations a session's journal has.

        Raises
        ------
        StudyError
            It has no journal yet.
        """
        place = JOURNAL.published(self.paths.at(session), session.day)
        if not place.is_file():
            raise StudyError(
                f"{place}: expected the journal of {session.said}, found none. Nothing of it can be left out."
            )
        return len(JOURNAL.read(place).presentations)

    def refuse_other_sessions(self, day: int, block: int) -> None:
        """Refuse a number that is of none of a day's sessions.

        Raises
        ------
        OptionError
            The day has no such session.
        """
        known = self.paths.sequence.of_day(day)
        if Block(day, block) not in known:
            found = " or ".join(str(one.number) for one in known) or f"none, for day {day} is skipped"
            raise OptionError(f"--block: expected a session of day {day} ({found}), found {block}. Correct it.")


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
    first = one.first_to_make(things)
    ahead = [session for session in paths.sequence.blocks(protocol.days) if session >= first]
    stops = [
        thing
        for thing in things
        if thing.part == "evaluation"
        and thing.thing in ("site", "array")
        and any(thing.covers(session.day) for session in ahead)
    ]
    not_attacked_from = None if keep_attacking or not stops else first
    if not_attacked_from is not None:
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
            block=wanted.block or 1,
            subject=tuple(dict.fromkeys(said(thing) for thing in things)),
            after=noted(things, not_attacked_from=not_attacked_from),
        )

    decide(paths, study, by=by, why=why, decision=decision)
    return [*(f"{line}." for line in said_of_all(things)), *_follows(one, things, not_attacked_from=not_attacked_from)]


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
    things = _things(one, wanted, as_left_out=exclusions(read_amendments(paths.amendments)))

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        standing = exclusions(amendments)
        strange = [thing for thing in things if thing not in standing]
        if strange:
            raise StudyError(
                f"{paths.root}: expected what is left out ({'; '.join(said_of_all(standing)) or 'nothing is'}), found "
                f"{said(strange[0])} of the {strange[0].part}. {_how_it_is_left_out(paths, strange[0], standing)}"
            )
        return Decision(
            kind="include",
            day=wanted.day,
            block=wanted.block or 1,
            subject=tuple(dict.fromkeys(said(thing) for thing in things)),
            before=noted(things),
        )

    decide(paths, study, by=by, why=why, decision=decision)
    words = dict.fromkeys(said(thing) for thing in things)
    return [*(f"{line}: counts again." for line in words), *_follows(one, things, not_attacked_from=None)]


def _how_it_is_left_out(paths: StudyPaths, strange: Exclusion, standing: Sequence[Exclusion]) -> str:
    """Return by which command the same thing is taken in that is left out by other days, sessions or parts."""
    same = [one for one in standing if one.thing == strange.thing and one.name == strange.name]
    if strange.thing in ("day", "presentations"):
        same = [one for one in same if one.from_day == strange.from_day]
    if not same:
        return "Name what is left out." if standing else "Nothing is left to do."
    things = [one for one in same if said(one) == said(same[0])]
    return f"Take it in again by `{command_of_things('include', paths.root, things)}`."


def _is_fitted_before(thing: Exclusion, session: Block) -> bool:
    """Return whether what is left out of the fit changes the model that a session begins with."""
    return (thing.from_day, thing.block or 1) < session


def _things(one: _StudyNow, wanted: Things, *, as_left_out: Sequence[Exclusion] = ()) -> tuple[Exclusion, ...]:
    """Return what is named; an array by the name that it was left out by, where it was."""
    by_name = {thing.name for thing in as_left_out if thing.thing == "array"}
    days = {"from_day": wanted.from_day, "to_day": wanted.to_day}
    for option, day in (("--day", wanted.day), ("--from-day", wanted.from_day), ("--to-day", wanted.to_day)):
        if day is not None:
            refuse_other_day(one.protocol, day, option=option)
    if wanted.to_day is not None and wanted.to_day < wanted.from_day:
        raise OptionError(f"--to-day: expected day {wanted.from_day} or later, found {wanted.to_day}. Correct it.")
    found = list[dict[str, object]]()
    found += [{"thing": "site", "name": one.site(name), **days} for name in wanted.sites]
    found += [{"thing": "site", "name": one.electrode(name), **days} for name in wanted.electrodes]
    arrays = [name if name in by_name else one.array(name) for name in wanted.arrays]
    found += [{"thing": "array", "name": name, **days} for name in arrays]
    if wanted.day is not None:
        if wanted.block is not None:
            one.refuse_other_sessions(wanted.day, wanted.block)
        stretch = _stretch(one, wanted)
        block = None if stretch and wanted.block == 1 else wanted.block  # presentations are the first one's unless said
        of_day = {"from_day": wanted.day, "to_day": wanted.day, "block": block}
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
    session = Block(wanted.day, wanted.block or 1)
    n = one.n_presentations(session)
    if not 0 <= first <= last < n:
        raise OptionError(
            f"--presentations: expected FROM-TO within 0-{n - 1}, which {session.said} has, found {first}-{last}. "
            "Correct it."
        )
    return {"first": first, "last": last}


def _refuse_to_attack_nothing(one: _StudyNow, stops: Sequence[Exclusion], ahead: Sequence[Block]) -> None:
    """Refuse what would leave a session that is still to be made without a site to attack."""
    is_chosen = one.first_to_make() > FIRST
    chosen = [site.neuroid_id for site in one.sites() if site.site_index is not None] if is_chosen else []
    amendments = read_amendments(one.paths.amendments)
    for session in ahead if chosen else ():
        out = [*(thing for thing in stops if thing.covers(session.day)), *not_attacked(amendments, session=session)]
        if all(any(thing.covers_site(name) for thing in out) for name in chosen):
            raise StudyError(
                f"{one.paths.root}: expected a site that is still attacked on {session.said}, found that all "
                f"{len(chosen)} would be left out. Pass --keep-attacking, or end the study."
            )


def _follows(one: _StudyNow, things: Sequence[Exclusion], *, not_attacked_from: Block | None) -> list[str]:
    parts = {thing.part for thing in things}
    lines = []
    if not_attacked_from is not None:
        first = max(not_attacked_from, Block(min(thing.from_day for thing in things)))
        made = ", the first session that is still to be made" if first == not_attacked_from else ""
        lines.append(f"Attacked no longer from {first.said} on{made}.")
        if one.protocol.evolution.n_sites:
            lines.append(
                "Images that evolve for these sites end there; the next most reliable sites begin in their place."
            )
    ready = one.ready()
    if ready is not None and any(thing.part == "fit" and _is_fitted_before(thing, ready) for thing in things):
        lines.append(
            f"The session of {ready.said}, which was ready, is made anew with another model: take the new one to the "
            "rig. If the old one was shown meanwhile, take this decision back first."
        )
    again = {"fit": "the fits", "evaluation": "the evaluations"}
    lines.append(
        f"Made again from the same recordings: {' and '.join(again[part] for part in sorted(parts, reverse=True))} of "
        "these days, and what follows from them. What was recorded stands."
    )
    return lines
