"""What a notice says, and how it is written for the laboratory's command."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from closedloop.service.state import Standing

TOLD = ("waiting", "held", "failed", "crashed", "stuck", "done")
"""What a laboratory is told of; that a loop runs is seen on the page."""

_WORDS = {
    "waiting": "waits for you",
    "held": "is held by a gate",
    "failed": "stopped with an error",
    "crashed": "crashed and is started again",
    "stuck": "has a stage that does not move",
    "done": "is done",
    "test": "is only being tested",
}


@dataclass(frozen=True)
class Notice:
    """One notice.

    Attributes
    ----------
    study
        The study's folder.
    subject, simulated
        Whose study it is.
    state
        One of `TOLD`, or "test".
    day, stage
        Where it is; None where of none.
    waiting_for, held_by, error
        What a person has to do, the gates that hold it, what went wrong; empty where nothing is.
    url
        Of the study's page, without the token; empty where there is none.
    time
        When it was noticed, ISO 8601 in UTC.
    message
        All of it in one line, as for a mail's subject.
    block
        Which of the day's sessions; not sent of the first one.
    """

    study: str
    subject: str
    simulated: bool
    state: str
    day: int | None
    stage: str | None
    waiting_for: str
    held_by: tuple[str, ...]
    error: str
    url: str
    time: str
    message: str
    block: int = 1

    def as_json(self) -> bytes:
        r"""Return it as one line of JSON; a byte of a path that is no UTF-8 is written as Python's `\udc80`."""
        told = {name: value for name, value in asdict(self).items() if (name, value) != ("block", 1)}
        return json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def make_notice(standing: Standing, *, study: str, subject: str, simulated: bool, url: str) -> Notice:
    """Return the notice of where a study stands.

    Parameters
    ----------
    standing
        Where it stands.
    study, subject, simulated
        Which study it is.
    url
        Of its page.
    """
    return _notice(standing.state, standing, study=study, subject=subject, simulated=simulated, url=url)


def trial_notice(*, study: str, subject: str, simulated: bool, url: str) -> Notice:
    """Return a notice that says nothing but that notices arrive.

    Parameters
    ----------
    study, subject, simulated, url
        As in a real one.
    """
    return _notice("test", Standing("running"), study=study, subject=subject, simulated=simulated, url=url)


def _notice(state: str, standing: Standing, *, study: str, subject: str, simulated: bool, url: str) -> Notice:
    kind = "simulated study" if simulated else "study"
    where = f"{Path(study).name} " if study else ""  # an animal has several studies
    words = "is held by a person" if standing.is_held_by_hand else _WORDS[state]
    return Notice(
        study=study,
        subject=subject,
        simulated=simulated,
        state=state,
        day=standing.day,
        stage=standing.stage,
        waiting_for=standing.waiting_for,
        held_by=standing.held_by,
        error=standing.error,
        url=url,
        time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        message=f"{kind} {where}of {subject} {words}{standing.where_and_why(with_stage=False)}",
        block=standing.block,
    )
