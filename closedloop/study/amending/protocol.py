"""`closedloop amend`: the protocol's numbers from a day on; the days before keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.amended.protocols import (
    hashes_by_day,
    protocol_of_day,
    said,
    value_text,
    with_values,
)
from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ProtocolError, StudyError
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.printed import capitalized
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.study.amending.decide import Decision, as_line, decide
from closedloop.study.amending.keys import values_by_key
from closedloop.study.amending.recorded import begun_days
from closedloop.study.foresight.days import ForeseesDays, refuse_impossible_days

_SEEN_WHEN_PLANNED = ("attack", "images", "controls", "presentation", "trial")


def amend(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    from_day: int,
    file: Path,
    by: str | None,
    why: str,
    foresee: ForeseesDays = refuse_impossible_days,
) -> Amendment:
    """Note what differs from a day on.

    Parameters
    ----------
    paths, study, protocol
        The study, with the protocol of protocol.yaml.
    from_day
        The first day that differs.
    file
        YAML with the sections and keys of the protocol that differ.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    foresee
        Refuses what a day to come would end in; another one in tests.

    Raises
    ------
    ProtocolError
        The file asks for what may not differ by day, or for something impossible.
    StudyError
        The day, or a later one, is recorded, or its session has begun to be shown.
    OptionError
        No reason is given, or a name that cannot be printed.
    """
    content = read_limited(
        file, most_bytes=MOST_YAML_BYTES, missing="expected a file with what differs, found none. Correct the path.",
        error=ProtocolError,
    )  # fmt: skip
    plain = parse_yaml(content, place=str(file), error=ProtocolError, remedy="Write keys as in protocol.yaml.")
    values = {key: value_text(value) for key, value in values_by_key(plain, place=str(file)).items()}

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        refuse_begun(paths, protocol, first=from_day, remedy="Pass --from-day {next}")
        before = protocol_of_day(protocol, amendments, from_day)
        after = with_values(before, values, place=str(file))
        changed = [key for key in values if _value(before, key) != _value(after, key)]
        if not changed:
            raise ProtocolError(
                f"{file}: expected something that differs from day {from_day} on, found what it goes by already. "
                "Nothing is noted."
            )
        made = Decision(
            kind="amend_protocol",
            day=from_day,
            subject=tuple(changed),
            before={key: _value(before, key) for key in changed},
            after={key: _value(after, key) for key in changed},
        )
        lines = (*amendments, as_line(made, study))
        foresee(paths, study, protocol, lines, first=from_day, place=str(file))
        hashes = hashes_by_day(protocol, lines)
        return Decision(made.kind, made.day, made.subject, made.before, made.after | hashes)

    return decide(paths, study, by=by, why=why, decision=decision)


def amended_line(paths: StudyPaths, line: Amendment, *, number: int) -> str:
    """Return what a person is told of an amendment that was made, in a line.

    Parameters
    ----------
    paths
        The study.
    line
        The amendment.
    number
        Of it, as `closedloop history` shows it.
    """
    earlier = f" Days before {line.day} keep what they had." if line.day else ""
    return (
        f"{capitalized(said(line))}. Noted as line {number} in {paths.amendments}."
        f"{earlier}{planned_anew(paths, line.day or 0, line.subject, remedy='take this back')}"
    )


def not_compared(protocol: Protocol, amendments: Sequence[Amendment], line: Amendment) -> str:
    """Warn that no size of perturbation is shown on all days, so that none compares them; empty where one is.

    Parameters
    ----------
    protocol, amendments
        The study's.
    line
        The amendment, which is among them.
    """
    if "attack.epsilons" not in line.subject or not line.day:
        return ""
    before = [set(protocol_of_day(protocol, amendments, day).attack.epsilons) for day in range(line.day)]
    kept = sorted(set.intersection(*before))
    now = protocol_of_day(protocol, amendments, line.day).attack.epsilons
    if not kept or set(kept) & set(now):
        return ""
    return (
        f"Days before {line.day} and days from it on can then not be compared: they have no epsilon in common. Keep "
        f"one of {', '.join(f'{one:g}' for one in kept)}, where they are to be."
    )


def planned_anew(paths: StudyPaths, first: int, keys: tuple[str, ...], *, remedy: str) -> str:
    """Warn of sessions that were ready to be shown and will be others; empty where there is none.

    Parameters
    ----------
    paths
        The study.
    first
        The first day that goes by another protocol.
    keys
        What changed in it.
    remedy
        What to do where the session from before was shown.
    """
    if not any(key.split(".")[0] in _SEEN_WHEN_PLANNED for key in keys):
        return ""
    sequence = paths.sequence
    ready = (
        one
        for one in paths.found()
        if one.day >= first
        and one in sequence.of_day(one.day)
        and (paths.at(one).folder("schedule", one.day) / MANIFEST_NAME).is_file()
        and not is_shown(paths.at(one), one.day)
    )
    return next(
        (f" The session of {one.said} is made anew: if the one from before was shown, {remedy}." for one in ready), ""
    )


def refuse_begun(paths: StudyPaths, protocol: Protocol, *, first: int, remedy: str) -> None:
    """Refuse what would change days that an animal has seen.

    Parameters
    ----------
    paths, protocol
        The study.
    first
        The first day that changes.
    remedy
        What to do, with `{next}` for the first day that may still change.

    Raises
    ------
    StudyError
        It, or a later one, is recorded or being shown; or the study has no such day.
    """
    n_days = protocol.days
    if first >= n_days:
        raise StudyError(
            f"{paths.root}: expected a day from 0 to {n_days - 1}, found {first}. The protocol has {n_days} days."
        )
    begun = [day for day in begun_days(paths, n_days) if day >= first]
    if begun:
        way = (
            remedy.replace("{next}", str(begun[-1] + 1))
            if begun[-1] + 1 < n_days
            else "No day is left that could differ"
        )
        raise StudyError(
            f"{paths.root}: expected day {first} and the days after it yet to be shown, found day {begun[-1]} shown or "
            f"recorded: nothing recorded is made again. {way}."
        )


def _value(protocol: Protocol, key: str) -> str:
    value = protocol.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return value_text(value)
