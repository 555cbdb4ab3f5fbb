"""A day's plan as a command gives it: which study or protocol, which day, as text, JSON or a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.days import refuse_other_days
from closedloop.commands.recording_files.outputs import check_output
from closedloop.errors import OptionError
from closedloop.plain_text.printed import command_line, number_text, printed
from closedloop.planning.plan import Plan, plan_of_protocol, plan_of_study
from closedloop.planning.telling import plan_lines, protocol_lines
from closedloop.storage import resolved, write_bytes
from closedloop.study.create import find_protocol
from closedloop.study.loop import read_identity

_FIRST_FITTED_DAY = 1  # what a protocol can show is told of the first day whose attacks follow a fitted model


@dataclass(frozen=True)
class PlanAsked:
    """A plan, and the options that asked for it."""

    plan: Plan
    day: int | None
    hours: float | None

    def text(self, *, as_json: bool) -> str:
        """Return it as lines, or as JSON."""
        return json.dumps(self.plan.as_json(), indent=2) if as_json else printed(plan_lines(self.plan))


def plan_day(
    study: Path | None, *, protocol: str | None, day: int | None, hours: float | None, out: Path | None
) -> PlanAsked:
    """Plan a day of a study, or of a protocol alone.

    Parameters
    ----------
    study
        Study folder; None: a protocol alone.
    protocol
        Name or file of a protocol to plan by; None: the study's.
    day
        Which; None: the next one to be shown, of a protocol day 1.
    hours
        That it is to fit into; None: the protocol's.
    out
        Where a page will be written: refused at once where it cannot be.

    Raises
    ------
    ClosedLoopError
        There is neither study nor protocol, the day is none of them, or a published file is damaged.
    """
    if out is not None:
        check_output(out, (".html",))
    asked = read_protocol(find_protocol(protocol)) if protocol is not None else None
    if study is None:
        if asked is None:
            raise OptionError("STUDY: expected a study folder, or --protocol, found neither. Name one.")
        wanted = min(_FIRST_FITTED_DAY, asked.days - 1) if day is None else day
        refuse_other_days(asked, wanted)
        return PlanAsked(plan_of_protocol(asked, day=wanted, hours=hours), day, hours)
    paths = StudyPaths(resolved(study))
    document, own = read_identity(paths)
    wanted = next_day(paths, own) if day is None else day
    refuse_other_days(own, wanted)
    plan = plan_of_study(paths, document, own, protocol=asked or own, day=wanted, hours=hours)
    return PlanAsked(plan, day, hours)


def next_day(paths: StudyPaths, protocol: Protocol) -> int:
    """Return the first day with a session that is not taken over; the last one of a study that is over."""
    sessions = paths.sequence.blocks(protocol.days)
    to_come = (one for one in sessions if not (paths.at(one).folder("present", one.day) / MANIFEST_NAME).is_file())
    return min(to_come, default=Block(protocol.days - 1)).day


def write_page(planned: PlanAsked, out: Path, *, study: Path | None, protocol: str | None) -> None:
    """Write a plan as a page.

    Parameters
    ----------
    planned
        What to write.
    out
        The HTML file.
    study, protocol
        As they were given: the page names the command that makes it.
    """
    from closedloop.planning.page import plan_page  # noqa: PLC0415 - matplotlib for pages alone

    words: list[str | Path] = ["closedloop", "plan", *([study] if study else [])]
    words += ["--protocol", protocol] if protocol else []
    words += ["--day", str(planned.day)] if planned.day is not None else []
    words += ["--hours", number_text(planned.hours)] if planned.hours is not None else []
    write_bytes(out, plan_page(planned.plan, command=command_line(*words, "--out", out)))


def protocol_can_show(study: Path) -> list[str]:
    """Return what a new study's protocol can show, in a few lines; all of it is assumed.

    Parameters
    ----------
    study
        Study folder.
    """
    _, protocol = read_identity(StudyPaths(resolved(study)))
    return protocol_lines(plan_of_protocol(protocol, day=min(_FIRST_FITTED_DAY, protocol.days - 1), hours=None))
