"""A session's journal: JSON lines, numbered from 0, each true for good once it is written.

The page and the rig write the same lines. What comes twice, after a reload, a lost answer of the server or a second
import, is the same line and counts once; what differs under one number is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.rows import (
    ANSWER_ROW,
    SUBJECT_PATTERN,
    AnswerRow,
    PairAnswered,
    PairBegun,
    SessionFinished,
    SessionLaunched,
)
from closedloop.artifacts.faults import describe_faults
from closedloop.errors import DocumentError, OptionError
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.limits import MOST_LINES_BYTES, read_limited, refuse_many_lines

_MISSING = "expected the journal of a session, found no file. Correct the path."
_RESTORE = "Restore the file from where it was written."


@dataclass(frozen=True)
class DiscriminationJournal:
    """What one subject did in one session.

    Attributes
    ----------
    rows
        All lines, in order.
    n_bytes_whole
        Length of the file up to its last complete line.
    """

    rows: tuple[AnswerRow, ...]
    n_bytes_whole: int

    @property
    def launches(self) -> tuple[SessionLaunched, ...]:
        """Its launches, in order; the first line is one."""
        return tuple(row for row in self.rows if isinstance(row, SessionLaunched))

    @property
    def answers(self) -> tuple[PairAnswered, ...]:
        """Trials that were shown whole, in the order shown."""
        return tuple(row for row in self.rows if isinstance(row, PairAnswered))

    @property
    def begun(self) -> dict[int, int]:
        """How often each trial was begun."""
        counts: dict[int, int] = {}
        for row in self.rows:
            if isinstance(row, PairBegun):
                counts[row.trial] = counts.get(row.trial, 0) + 1
        return counts

    @property
    def is_finished(self) -> bool:
        """Whether the session came to its end."""
        return any(isinstance(row, SessionFinished) for row in self.rows)


def check_subject(code: str, *, option: str = "--subject") -> str:
    """Return a subject's code, or refuse what is none.

    Raises
    ------
    OptionError
        It is another thing than up to three capitals and up to four digits.

    Examples
    --------
    >>> check_subject("S07")
    'S07'
    """
    if not re.fullmatch(SUBJECT_PATTERN, code):
        raise OptionError(
            f"{option} {code!r:.60}: expected up to three capitals and up to four digits, such as S07, found another "
            "code. Nothing else of a person is stored: choose one that tells nothing."
        )
    return code


def read_answers(path: Path) -> DiscriminationJournal:
    """Read a journal; a line that was torn by a kill never happened.

    Raises
    ------
    DocumentError
        The file is missing, or a complete line is none of a journal.
    """
    return parse_answers(read_limited(path, most_bytes=MOST_LINES_BYTES, missing=_MISSING), place=str(path))


def parse_answers(content: bytes, *, place: str) -> DiscriminationJournal:
    """Parse a journal's bytes.

    Raises
    ------
    DocumentError
        A complete line is none of a journal, or stands at another place than its number says.
    """
    whole, _, torn = content.rpartition(b"\n")
    refuse_many_lines(whole, place=place)
    lines = whole.split(b"\n") if whole else []
    rows = [_parse_line(line, place=f"{place}, line {number}") for number, line in enumerate(lines, start=1)]
    check_order(rows, place=place)
    return DiscriminationJournal(tuple(rows), len(content) - len(torn))


def _parse_line(line: bytes, *, place: str) -> AnswerRow:
    return parse_answer(parse_json(line, place=place, remedy=_RESTORE), place=place)


def parse_answer(plain: Any, *, place: str) -> AnswerRow:
    """Check one line, parsed.

    Raises
    ------
    DocumentError
        It is none of a journal.
    """
    try:
        return ANSWER_ROW.validate_python(plain)
    except ValidationError as fault:
        raise DocumentError(f"{place}: {describe_faults(fault, None, plain)}") from fault


def check_order(rows: Sequence[AnswerRow], *, place: str) -> None:
    """Refuse rows that are not one session's from its first line on.

    Raises
    ------
    DocumentError
        A line is missing or doubled, the first is no launch, launches differ, a line is of another launch than the last
        one before it, a trial was answered twice, or something stands after the end.
    """
    for number, row in enumerate(rows):
        if row.line != number:
            raise DocumentError(f"{place}: expected line number {number}, found {row.line}. {_RESTORE}")
    if not rows:
        return
    first = rows[0]
    launches = [row for row in rows if isinstance(row, SessionLaunched)]
    names = {(one.experiment_id, one.subject, one.session, one.simulated) for one in launches}
    if not isinstance(first, SessionLaunched) or len(names) != 1:
        raise DocumentError(f"{place}: expected one subject's session, from its launch on, found others. {_RESTORE}")
    trials = [row.trial for row in rows if isinstance(row, PairAnswered)]
    if len(set(trials)) < len(trials):
        raise DocumentError(f"{place}: expected each trial answered once, found one twice. {_RESTORE}")
    if any(isinstance(row, SessionFinished) for row in rows[:-1]):
        raise DocumentError(f"{place}: expected nothing after the end of the session, found lines. {_RESTORE}")
    _check_launches(rows, place=place)


def _check_launches(rows: Sequence[AnswerRow], *, place: str) -> None:
    n_launches = 0
    for row in rows:
        n_launches += isinstance(row, SessionLaunched)
        if row.launch != n_launches:
            raise DocumentError(
                f"{place}: expected launch {n_launches} in line {row.line}, found {row.launch}. {_RESTORE}"
            )


def check_belongs(rows: Sequence[AnswerRow], experiment: OpenExperiment, *, place: str) -> None:
    """Refuse rows that are not of a session of this experiment.

    Parameters
    ----------
    rows
        Of a journal, from its first line on.
    experiment
        The experiment.
    place
        What a message begins with.

    Raises
    ------
    DocumentError
        They are of another experiment, of other images than were to be shown, without the consent that was to be given,
        or say what cannot be.
    """
    first, document = rows[0], experiment.document
    if not isinstance(first, SessionLaunched) or first.experiment_id != document.experiment_id:
        raise DocumentError(f"{place}: expected a session of {experiment.paths.root}, found another experiment's.")
    if first.simulated != document.simulated:
        kind = "simulated observers" if document.simulated else "people"
        raise DocumentError(f"{place}: expected answers of {kind} as experiment.json says, found the others.")
    launches = {row.launch: row for row in rows if isinstance(row, SessionLaunched)}
    if document.consent_sha256 is not None and not all(launch.consented for launch in launches.values()):
        raise DocumentError(f"{place}: expected the subject's consent at each launch, found one without. Leave it out.")
    trials, ids = experiment.session(first.session), document.stimulus_ids
    planned = [(ids[one], ids[two]) for one, two in zip(trials["first_index"], trials["second_index"], strict=True)]
    for row in rows:
        if isinstance(row, PairAnswered) and (
            row.trial >= len(planned) or planned[row.trial] != (row.first, row.second)
        ):
            raise DocumentError(
                f"{place}: expected the images of trial {row.trial} as planned, found others. {_RESTORE}"
            )
        if isinstance(row, PairAnswered):
            _check_times(row, launches[row.launch], answer_s=document.task.answer_s, place=place)
    n_answered = sum(isinstance(row, PairAnswered) for row in rows)
    if isinstance(rows[-1], SessionFinished) and n_answered < len(planned):
        raise DocumentError(
            f"{place}: expected {len(planned)} trials of a finished session, found {n_answered}. {_RESTORE}"
        )


def _check_times(row: PairAnswered, launch: SessionLaunched, *, answer_s: float, place: str) -> None:
    if len(row.frame_ms) != sum(frames_of_phases(row, launch)) + 1:
        raise DocumentError(
            f"{place}: expected the time of each frame of trial {row.trial} and of the grey after it, found "
            f"{len(row.frame_ms)} times. {_RESTORE}"
        )
    if row.reaction_ms is not None and row.reaction_ms > 1000 * answer_s:
        raise DocumentError(
            f"{place}: expected an answer to trial {row.trial} within {answer_s:g} s, found one after "
            f"{row.reaction_ms / 1000:.2f} s. {_RESTORE}"
        )


def frames_of_phases(row: PairAnswered, launch: SessionLaunched) -> tuple[int, int, int]:
    """Return how many time stamps a trial has of its first image, of the grey between, and of its second image.

    A browser's page stamps each frame that it counts; a rig each that it draws, and counts those that were missed.

    Parameters
    ----------
    row
        The trial.
    launch
        In which it was shown.
    """
    if launch.front_end in {"psychopy", "headless"}:
        return launch.image_frames, launch.gap_frames, launch.image_frames
    return row.n_frames


def lasted_ms(row: PairAnswered, launch: SessionLaunched) -> tuple[float, float, float]:
    """Return how long the first image, the grey between and the second image were up, by the time stamps.

    Parameters
    ----------
    row
        The trial, with the time of each frame.
    launch
        In which it was shown.
    """
    first, gap, second = frames_of_phases(row, launch)
    starts = [row.frame_ms[at] for at in (0, first, first + gap, first + gap + second)]
    return starts[1] - starts[0], starts[2] - starts[1], starts[3] - starts[2]


def check_name(rows: Sequence[AnswerRow], experiment: OpenExperiment, path: Path) -> None:
    """Refuse a journal under the name of another session: a copy would count twice.

    Parameters
    ----------
    rows
        Of the journal; none says nothing.
    experiment
        Whose session it is.
    path
        Where it lies.

    Raises
    ------
    DocumentError
        Its lines are of another subject or session than its name.
    """
    if not rows or not isinstance(rows[0], SessionLaunched):
        return
    own = experiment.paths.journal(rows[0].subject, rows[0].session)
    if own.name != path.name:
        raise DocumentError(
            f"{path}: expected the session that its name says, found lines of {own.name}. Move a copy elsewhere, "
            "or give it its own name."
        )


IN_A_WINDOW = "Close one of the two, and reload the other"
IN_A_FILE = "Nothing was taken in: keep both files, and decide which one is the session"


def merge_rows(
    stored: Sequence[AnswerRow], given: Sequence[AnswerRow], *, place: str, remedy: str = IN_A_WINDOW
) -> tuple[AnswerRow, ...]:
    """Return what is stored with what is new; what is stored already counts once.

    Parameters
    ----------
    stored
        From line 0 on.
    given
        Of any lines, in order, that reach up to where the stored ones end or beyond.
    place
        What a message begins with.
    remedy
        What to do where two lines have one number.

    Raises
    ------
    DocumentError
        One number stands for two different lines, or lines are missing between them.
    """
    merged = list(stored)
    for row in given:
        if row.line > len(merged):
            raise DocumentError(
                f"{place}: expected line {len(merged)} next, found line {row.line}. Send what is between."
            )
        if row.line == len(merged):
            merged.append(row)
        elif merged[row.line] != row:
            raise DocumentError(
                f"{place}: expected the line {row.line} that is stored, found another: another window or computer went "
                f"on with this session. {remedy}."
            )
    check_order(merged, place=place)
    return tuple(merged)


def answers_bytes(rows: Iterable[AnswerRow]) -> bytes:
    """Return a journal's bytes."""
    return b"".join(ANSWER_ROW.dump_json(row) + b"\n" for row in rows)
