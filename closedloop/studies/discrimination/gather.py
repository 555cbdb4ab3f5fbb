"""From journals to a table of trials, each with the reason why it does not count, if it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts.discrimination.experiment import CATCH, DIFFERENT, DiscriminationTask, OpenExperiment
from closedloop.artifacts.discrimination.journal import (
    DiscriminationJournal,
    check_belongs,
    check_name,
    lasted_ms,
    read_answers,
)
from closedloop.artifacts.discrimination.rows import PairAnswered, SessionLaunched
from closedloop.artifacts.discrimination.rules import ExclusionRules, read_rules
from closedloop.artifacts.tables import Columns, as_columns
from closedloop.errors import StudyError
from closedloop.studies.discrimination.documents import ANSWERED_SESSIONS, ANSWERS

_LATE = 1.5  # frames from one time stamp to the next, from which on the later one was late
_MOST_OFF = 0.1  # of a time that was asked for: section 6.2 names no tolerance
_JITTER_MS = 1.0  # of time stamps
TIMED_OUT = "no answer in time"


@dataclass(frozen=True)
class GatheredAnswers:
    """All sessions of an experiment.

    Attributes
    ----------
    answers
        Table `ANSWERS`.
    sessions
        Table `ANSWERED_SESSIONS`.
    nobodys
        Codes that the rules leave out and that nobody has.
    """

    answers: Columns
    sessions: Columns
    nobodys: tuple[str, ...] = ()


def gather_answers(experiment: OpenExperiment, rules: ExclusionRules) -> GatheredAnswers:
    """Read every journal of an experiment and say of each session and trial whether it counts.

    Parameters
    ----------
    experiment
        Its folder, opened.
    rules
        The laboratory's.

    Raises
    ------
    StudyError
        Nobody has answered anything.
    DocumentError
        A journal is damaged, or of another experiment.
    """
    answers, sessions = list[dict[str, Any]](), list[dict[str, Any]]()
    for path in sorted(experiment.paths.journals.glob("*.jsonl")):
        journal = read_answers(path)
        check_name(journal.rows, experiment, path)
        if journal.answers:
            check_belongs(journal.rows, experiment, place=str(path))
            rows = [_answer(experiment, journal, row) for row in journal.answers]
            session = _session(journal, rows)
            session["left_out"] = why_session(session, rules)
            sessions.append(session)
            answers += [row | {"left_out": session["left_out"] or why_trial(row, rules)} for row in rows]
    if not answers:
        raise StudyError(
            f"{experiment.paths.journals}: expected the journal of a session with an answer, found none. Serve the "
            "page, or import what was saved: closedloop discrimination import."
        )
    nobodys = set(rules.left_out) - {session["subject"] for session in sessions}
    return GatheredAnswers(_arrays(answers, ANSWERS), _arrays(sessions, ANSWERED_SESSIONS), tuple(sorted(nobodys)))


def _arrays(rows: Sequence[Mapping[str, Any]], layout: Any) -> Columns:
    return {name: np.array(column) for name, column in as_columns(rows, layout).items()}


def _answer(experiment: OpenExperiment, journal: DiscriminationJournal, row: PairAnswered) -> dict[str, Any]:
    first, launch = journal.launches[0], journal.launches[row.launch - 1]
    lasted, task = lasted_ms(row, launch), experiment.document.task
    trials = experiment.session(first.session)
    kind, pair_index = str(trials["kind"][row.trial]), int(trials["pair_index"][row.trial])
    pair = experiment.document.pairs[pair_index] if pair_index >= 0 else None
    return {
        "subject": first.subject,
        "session": first.session,
        "trial": row.trial,
        "kind": kind,
        "pair_index": pair_index,
        "image_id": pair.image_id if pair else "",
        "epsilon": pair.epsilon if pair else np.nan,
        "is_different": kind in DIFFERENT,
        "said": row.answer or "",
        "reaction_ms": np.nan if row.reaction_ms is None else row.reaction_ms,
        "frames_first": row.n_frames[0],
        "frames_gap": row.n_frames[1],
        "frames_second": row.n_frames[2],
        "first_ms": lasted[0],
        "gap_ms": lasted[1],
        "second_ms": lasted[2],
        "is_off": is_off(lasted, task, launch),
        "n_late": count_late(row, refresh_hz=launch.refresh_hz),
        "times_begun": max(journal.begun.get(row.trial, 1), 1),
    }


def is_off(lasted: tuple[float, float, float], task: DiscriminationTask, launch: SessionLaunched) -> bool:
    """Return whether an image or the grey was up too long or too short: by more than a tenth, and than a frame.

    Parameters
    ----------
    lasted
        Milliseconds of the first image, the grey, and the second image.
    task
        What was asked for.
    launch
        With the frame rate that was measured.
    """
    asked = (task.image_ms, task.gap_ms, task.image_ms)
    frame_ms = 1000.0 / launch.refresh_hz
    return any(
        abs(found - wanted) > max(_MOST_OFF * wanted, frame_ms) + _JITTER_MS
        for found, wanted in zip(lasted, asked, strict=True)
    )


def count_late(row: PairAnswered, *, refresh_hz: float) -> int:
    """Return how many frames of a trial came late: more than one and a half frames after the one before."""
    return int((np.diff(row.frame_ms) > _LATE * 1000.0 / refresh_hz).sum())


def _session(journal: DiscriminationJournal, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    launch = journal.launches[-1]
    catch = [row for row in rows if row["kind"] == CATCH and row["said"]]
    return {
        "subject": launch.subject,
        "session": launch.session,
        "front_end": launch.front_end,
        "refresh_hz": launch.refresh_hz,
        "image_px": launch.image_px,
        "n_launches": len(journal.launches),
        "is_finished": journal.is_finished,
        "n_trials": len(rows),
        "n_time_outs": sum(not row["said"] for row in rows),
        "n_late": sum(row["n_late"] > 0 for row in rows),
        "n_off": sum(row["is_off"] for row in rows),
        "n_catch": len(catch),
        "catch_rate": np.mean([row["said"] == "different" for row in catch]) if catch else np.nan,
    }


def why_session(session: Mapping[str, Any], rules: ExclusionRules) -> str:
    """Return why none of a session counts; empty where it does.

    Parameters
    ----------
    session
        Row of `ANSWERED_SESSIONS`.
    rules
        The laboratory's.
    """
    if session["subject"] in rules.left_out:
        return f"subject left out: {rules.left_out[session['subject']]}"
    if rules.finished_only and not session["is_finished"]:
        return "not finished"
    if rules.least_catch_rate > 0 and not session["n_catch"]:
        return f"no catch trial answered, of which {rules.least_catch_rate:g} were to be called different"
    if session["catch_rate"] < rules.least_catch_rate:
        return f"catch rate {session['catch_rate']:.2f} below {rules.least_catch_rate:g}"
    for name, most, what in (
        ("n_time_outs", rules.most_time_outs, "without an answer in time"),
        ("n_late", rules.most_late, "with a late frame"),
        ("n_off", rules.most_off, "up for another time than asked for"),
    ):
        if session[name] > most * session["n_trials"]:
            return f"{session[name]} of {session['n_trials']} trials {what}, above {most:g}"
    return ""


def why_trial(answer: Mapping[str, Any], rules: ExclusionRules) -> str:
    """Return why a trial does not count; empty where it does.

    Parameters
    ----------
    answer
        Row of `ANSWERS`.
    rules
        The laboratory's.
    """
    if not answer["said"]:
        return TIMED_OUT
    if answer["reaction_ms"] < rules.least_reaction_ms:
        return f"answered in less than {rules.least_reaction_ms:g} ms"
    if rules.drop_off_trials and answer["is_off"]:
        return "an image or the grey was up for another time than asked for"
    if rules.drop_late_trials and answer["n_late"]:
        return "a frame came late"
    if rules.drop_seen_before and answer["times_begun"] > 1:
        return "begun before, and cut"
    return ""


def rules_of(experiment: OpenExperiment, given: Path | None) -> ExclusionRules:
    """Return the laboratory's rules: those given, else the experiment's own, else none but the paper's."""
    path = given if given is not None else experiment.paths.rules
    return read_rules(path) if given is not None or path.is_file() else ExclusionRules()
