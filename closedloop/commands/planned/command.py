"""A day's plan as a command gives it: which study or protocol, which day, as text, JSON or a page."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.amended.closing import closed_days
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.protocol.rounds import rounds_of_day
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.days import refuse_other_blocks, refuse_other_days
from closedloop.commands.recording_files.outputs import check_output
from closedloop.errors import OptionError
from closedloop.models.shipped import weights_file
from closedloop.plain_text.printed import command_line, number_text, printed
from closedloop.planning.of_study import plan_of_study
from closedloop.planning.plan import Plan, plan_of_protocol
from closedloop.planning.telling import plan_lines, protocol_lines
from closedloop.storage import resolved, write_bytes
from closedloop.study.create import find_protocol
from closedloop.study.foresight.waits import timed_waits, waits_of_day
from closedloop.study.loop import read_identity

_FIRST_FITTED_DAY = 1  # what a protocol can show is told of the first day whose attacks follow a fitted model


@dataclass(frozen=True)
class PlanOptions:
    """The options of the command.

    Attributes
    ----------
    study
        Study folder; None: a protocol alone.
    protocol
        Name or file of a protocol to plan by; None: the study's that is in force on the day.
    day, block
        Which session; None: the next one to be shown, of a protocol day 1.
    hours
        That it is to fit into; None: the protocol's.
    """

    study: Path | None
    protocol: str | None = None
    day: int | None = None
    block: int | None = None
    hours: float | None = None

    def command(self, out: Path) -> str:
        """Return the command line that writes the page."""
        words: list[str | Path] = ["closedloop", "plan", *([self.study] if self.study else [])]
        words += ["--protocol", self.protocol] if self.protocol else []
        for option, number in (("--day", self.day), ("--block", self.block)):
            words += [option, str(number)] if number is not None else []
        words += ["--hours", number_text(self.hours)] if self.hours is not None else []
        return command_line(*words, "--out", out)


@dataclass(frozen=True)
class PlanAsked:
    """A plan, and the options that asked for it."""

    plan: Plan
    asked: PlanOptions

    def text(self, *, as_json: bool) -> str:
        """Return it as lines, or as JSON."""
        if as_json:
            return json.dumps(self.plan.as_json(), indent=2)
        return printed(plan_lines(self.plan, to_amend=self.to_amend()))

    def to_amend(self) -> str:
        """Return the command by which the day goes by other numbers; nothing where it cannot any more."""
        is_shown = self.plan.n_shown or self.plan.measured
        if self.asked.study is None or self.asked.protocol is not None or is_shown:
            return ""
        words = ("closedloop", "amend", self.asked.study, "FILE", "--from-day", str(self.plan.day))
        return f"{command_line(*words)} --why TEXT"


def plan_day(asked: PlanOptions, *, out: Path | None = None) -> PlanAsked:
    """Plan a day of a study, or of a protocol alone.

    Parameters
    ----------
    asked
        The options.
    out
        Where a page will be written: refused at once where it cannot be.

    Raises
    ------
    ClosedLoopError
        There is neither study nor protocol, the session is none of them, or a published file is damaged.
    """
    if out is not None:
        check_output(out, (".html",))
    other = read_protocol(find_protocol(asked.protocol)) if asked.protocol is not None else None
    if asked.study is None:
        if other is None:
            raise OptionError("STUDY: expected a study folder, or --protocol, found neither. Name one.")
        if asked.block is not None:
            raise OptionError("--block: expected a study, whose days have sessions, found none. Leave it out.")
        wanted = min(_FIRST_FITTED_DAY, other.days - 1) if asked.day is None else asked.day
        refuse_other_days(other, wanted)
        plan = plan_of_protocol(other, day=wanted, hours=asked.hours)
        return PlanAsked(with_waits(plan, timed_waits_of_protocol(other, asked.protocol or "", day=wanted)), asked)
    paths = StudyPaths(resolved(asked.study))
    document, own = read_identity(paths)
    session = _session(paths, own, asked)
    plan = plan_of_study(paths, document, own, session=session, protocol=other, hours=asked.hours)
    return PlanAsked(with_waits(plan, _waits(paths, document, other or own, day=session.day)), asked)


WaitsAfter = tuple[dict[int, float], str]


def with_waits(plan: Plan, waits: WaitsAfter) -> Plan:
    """Return a plan with how long the animal waits after each of a day's rounds; the plan itself of a day of one.

    Parameters
    ----------
    plan
        Without.
    waits
        Seconds by the session's number, and what they are reckoned by (`study.foresight.waits`).
    """
    seconds, by = waits
    if not (plan.rounds and seconds):
        return plan
    return replace(plan, rounds=tuple(replace(one, wait_s=seconds.get(one.block)) for one in plan.rounds), waits_by=by)


def _waits(paths: StudyPaths, document: StudyDocument, own: Protocol, *, day: int) -> WaitsAfter:
    if rounds_of_day(document.rounds, day) == 1:
        return {}, ""
    protocol = protocol_of_day(own, read_amendments(paths.amendments), day)
    waits = waits_of_day(paths, protocol, day=day)
    return waits if waits[1] else timed_waits(protocol, document.base_model, place=paths.protocol, day=day)


def timed_waits_of_protocol(protocol: Protocol, name: str, *, day: int) -> WaitsAfter:
    """Return the waits of a protocol without a study, timed on its own base model; nothing where that does not ship.

    Parameters
    ----------
    protocol
        The experiment.
    name
        Of its file, for messages.
    day
        Which.
    """
    base_model = protocol.base_model.weights
    is_there = protocol.rounds > 1 and weights_file(base_model).is_file()
    return timed_waits(protocol, base_model, place=Path(name), day=day) if is_there else ({}, "")


def next_session(paths: StudyPaths, protocol: Protocol) -> Block:
    """Return the first session that is neither taken over nor closed; the last one of a study that is over."""
    sessions = paths.sequence.blocks(protocol.days)
    closed = {one.session for one in closed_days(read_amendments(paths.amendments))}
    to_come = (one for one in sessions if one not in closed and not _is_taken_over(paths, one))
    return min(to_come, default=max(sessions, default=Block(protocol.days - 1)))


def _session(paths: StudyPaths, protocol: Protocol, asked: PlanOptions) -> Block:
    if asked.day is None and asked.block is None:
        return next_session(paths, protocol)
    day = next_session(paths, protocol).day if asked.day is None else asked.day
    refuse_other_days(protocol, day)
    sessions = paths.sequence.of_day(day)
    if not sessions:
        raise OptionError(f"--day: expected a day with a session, found day {day}, which is skipped. Name another one.")
    if asked.block is None:
        to_come = (one for one in sessions if not _is_taken_over(paths, one))
        return min(to_come, default=sessions[0])
    refuse_other_blocks(paths, day, asked.block)
    return Block(day, asked.block)


def _is_taken_over(paths: StudyPaths, session: Block) -> bool:
    return (paths.at(session).folder("present", session.day) / MANIFEST_NAME).is_file()


def write_page(planned: PlanAsked, out: Path) -> None:
    """Write a plan as a page.

    Parameters
    ----------
    planned
        What to write; the page names the command that makes it.
    out
        The HTML file.
    """
    from closedloop.planning.page import plan_page  # noqa: PLC0415 - matplotlib for pages alone

    page = plan_page(planned.plan, command=planned.asked.command(out), to_amend=planned.to_amend())
    write_bytes(out, page)


def protocol_can_show(study: Path) -> list[str]:
    """Return what a new study's protocol can show, in a few lines; all of it is assumed.

    Parameters
    ----------
    study
        Study folder.
    """
    _, protocol = read_identity(StudyPaths(resolved(study)))
    return protocol_lines(plan_of_protocol(protocol, day=min(_FIRST_FITTED_DAY, protocol.days - 1), hours=None))
