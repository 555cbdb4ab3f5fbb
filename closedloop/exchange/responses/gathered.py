"""The sessions of a study as one table: a row a presentation, a column a site, whichever sessions recorded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.access.columns import PRESENTATIONS, SITES
from closedloop.access.files import in_words_of_parts
from closedloop.access.recorded import NOT_THERE, RecordedSession, recorded_sessions
from closedloop.access.study import Study
from closedloop.artifacts.amended.exclusions import PARTS, LeftOutOf
from closedloop.artifacts.catalog import COUNTS
from closedloop.artifacts.commands.exported_responses import ExportedFrom, ExportedRecording
from closedloop.artifacts.layouts import Column
from closedloop.artifacts.protocol.protocol import protocol_sha256
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError

_OF_SESSION: Mapping[str, Column] = {
    "day": Column("int64", "", "recording day, from 0"),
    "session": Column("int64", "", "session of the day, from 1"),
}
_LEFT_OUT = "left_out"
_NONE = f"; {NOT_THERE}: none"

PRESENTATION_COLUMNS: Mapping[str, Column] = {
    **_OF_SESSION,
    "ordinal": Column("int64", "", "count of the presentations begun in the session, from 0"),
    **PRESENTATIONS,
    _LEFT_OUT: Column(
        "string", "", "what people left this presentation out of: fit, evaluation, or fit and evaluation"
    ),
}
"""What is said of each presentation."""

SITE_COLUMNS: Mapping[str, Column] = {
    **_OF_SESSION,
    "neuroid_id": Column("string", "", "the site's name on all days: array and electrode; a column of the responses"),
    **{
        name: Column("int64", "", column.meaning.split(";")[0] + _NONE) if column.dtype == "Int64" else column
        for name, column in SITES.items()
    },
    _LEFT_OUT: Column("string", "", "what people left the site out of in this session, likewise"),
}
"""What is said of each site in each session."""


@dataclass(frozen=True)
class StudyResponses:
    """Recorded sessions of a study, one after the other.

    Attributes
    ----------
    sessions
        At least one.
    sites
        neuroid_ids of all electrodes that any session recorded, the model's outputs first, (n_sites,).
    presentations
        `PRESENTATION_COLUMNS`, (n_presentations,) each.
    electrodes
        `SITE_COLUMNS`, a row a session and electrode.
    counts
        Spikes in the window, (n_presentations, n_sites); NaN where none counts, or the session lacks the site.
    left_out
        By part of the work which of them people left out of it.
    window_ms
        That the spikes were counted in.
    """

    sessions: tuple[RecordedSession, ...]
    sites: tuple[str, ...]
    presentations: Columns
    electrodes: Columns
    counts: NDArray[np.float64]
    left_out: Mapping[LeftOutOf, NDArray[np.bool_]]
    window_ms: tuple[float, float]


def gather_responses(study: Study, day: int | None = None) -> StudyResponses:
    """Gather a study's recorded sessions, or those of one day.

    Raises
    ------
    StudyError
        None is recorded, or they were counted in different windows.
    """
    sessions = tuple(recorded_sessions(study, day))
    windows = {session.window_ms for session in sessions}
    if len(windows) > 1:
        raise StudyError(
            f"{study.path}: expected one window in which spikes are counted, found {sorted(windows)} ms. Export the "
            "days one by one: --day N."
        )
    names = [str(name) for session in sessions for name in session.electrodes["neuroid_id"]]
    sites = tuple(dict.fromkeys(names))
    return StudyResponses(
        sessions,
        sites,
        presentations=_concatenated([_presentations(session) for session in sessions]),
        electrodes=_concatenated([_electrodes(session) for session in sessions]),
        counts=np.concatenate([_of_sites(session, session.counts, sites, fill=np.nan) for session in sessions]),
        left_out={
            part: np.concatenate([_of_sites(one, one.left_out[part], sites, fill=False) for one in sessions])
            for part in PARTS
        },
        window_ms=windows.pop(),
    )


def described_study(found: StudyResponses, study: Study) -> ExportedFrom:
    """Return where the responses come from.

    Parameters
    ----------
    found
        The responses.
    study
        The study.
    """
    return ExportedFrom(
        study_id=StudyDocument.read(StudyPaths(study.path).study).study_id,
        subject=study.subject,
        protocol_name=study.protocol.name,
        protocol_sha256=protocol_sha256(study.protocol),
        window_ms=found.window_ms,
    )


def described_sessions(sessions: Sequence[RecordedSession]) -> tuple[ExportedRecording, ...]:
    """Return which sessions they are."""
    return tuple(
        ExportedRecording(
            day=one.day,
            session=one.number,
            n_presentations=len(one.counts),
            n_used=int(one.presentations["used"].sum()),
            responses_sha256=one.study.manifest(one.day, COUNTS.stage).outputs[COUNTS.name].sha256,
            reliability_seed=one.reliability_seed,
            left_out=one.said_of_left_out,
        )
        for one in sessions
    )


def seeds_of(found: StudyResponses) -> NDArray[np.int64]:
    """Return the seed of the halves behind the reliability of each presentation's session, (n_presentations,)."""
    return np.concatenate([np.full(len(one.counts), one.reliability_seed) for one in found.sessions])


def _presentations(session: RecordedSession) -> Columns:
    return {
        **_of_session(session, len(session.counts)),
        **session.presentations,
        _LEFT_OUT: in_words_of_parts(session.left_out, axis=1),
    }


def _electrodes(session: RecordedSession) -> Columns:
    return {
        **_of_session(session, len(session.electrodes["neuroid_id"])),
        **session.electrodes,
        _LEFT_OUT: in_words_of_parts(session.left_out, axis=0),
    }


def _of_session(session: RecordedSession, n: int) -> Columns:
    return {"day": np.full(n, session.day, dtype=np.int64), "session": np.full(n, session.number, dtype=np.int64)}


def _of_sites(
    session: RecordedSession, values: NDArray[np.generic], sites: tuple[str, ...], *, fill: float | bool
) -> NDArray[np.generic]:
    """Return the values of a session's electrodes in the columns of all sites."""
    place = {name: number for number, name in enumerate(sites)}
    whole = np.full((len(values), len(sites)), fill, dtype=values.dtype)
    whole[:, [place[str(name)] for name in session.electrodes["neuroid_id"]]] = values
    return whole


def _concatenated(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
