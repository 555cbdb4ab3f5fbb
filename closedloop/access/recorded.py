"""A session as it was recorded: every presentation, every electrode, and what people left out; for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.access.columns import PRESENTATIONS, SITES
from closedloop.access.files import PublishedFiles
from closedloop.access.frames import electrode_counts, sites_frame
from closedloop.access.sessions import each_session
from closedloop.access.study import Study
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import PARTS, LeftOutOf, said_of_all
from closedloop.artifacts.naming import stage_seed
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError
from closedloop.recording.counts import spike_counter
from closedloop.recording.spikes import Spikes, in_order

NOT_THERE = -1
"""Of a whole number that an electrode does not have: an output of the model, a place on the array."""

_OF_ELECTRODES = tuple(name for name, column in SITES.items() if column.dtype == "Int64")


@dataclass(frozen=True)
class RecordedSession:
    """One session of a study.

    Attributes
    ----------
    study
        Seen from the session.
    day, number
        Which, the number from 1.
    presentations
        `Study.presentations` as arrays, with ``ordinal``, (n_presentations,) each; rejected ones too.
    electrodes
        `Study.sites` as arrays, with ``neuroid_id``, (n_electrodes,) each: those that were recorded, the model's
        outputs first. `NOT_THERE` where a whole number is missing.
    counts
        Spikes in the window, as responses.h5 has them, (n_presentations, n_electrodes); NaN where one does not count.
    left_out
        By part of the work which responses people left out of it, shaped as `counts`.
    window_ms
        That spikes were counted in, after the onset.
    reliability_seed
        Of the halves behind the electrodes' reliability.
    said_of_left_out
        What people left out of the fit or the evaluation of the session, a line each.
    """

    study: Study
    day: int
    number: int
    presentations: Columns
    electrodes: Columns
    counts: NDArray[np.float64]
    left_out: Mapping[LeftOutOf, NDArray[np.bool_]]
    window_ms: tuple[float, float]
    reliability_seed: int
    said_of_left_out: tuple[str, ...] = ()


def recorded_sessions(study: Study, day: int | None = None) -> Iterator[RecordedSession]:
    """Yield the recorded sessions of a study, or of one day of it, in order.

    Raises
    ------
    StudyError
        None is, or the spikes of one were counted in another window than protocol.yaml has.
    """
    if day is not None and day not in {one for one, _ in study.sessions}:
        days = ", ".join(map(str, dict.fromkeys(one for one, _ in study.sessions))) or "none"
        raise StudyError(
            f"{study.path}: expected a day whose responses are there ({days}), found day {day}. Name one of these."
        )
    if not study.sessions:
        raise StudyError(
            f"{study.path}: expected a recorded day, found none whose responses are there. Go on with `closedloop run`."
        )
    for (one, number), (_, seen) in zip(study.sessions, each_session(study), strict=True):
        if day in (None, one):
            yield _session(seen, one, number)


def binned_counts(session: RecordedSession, edges_ms: Sequence[float]) -> NDArray[np.float64]:
    """Count the spikes of the model's sites in bins after every onset, by the ticks that ingest counted by.

    Bins that fill the response window add up to the session's counts exactly.

    Parameters
    ----------
    session
        Its spikes are those of the model's sites; other electrodes keep none.
    edges_ms
        Ascending, half-open bins.

    Returns
    -------
    ndarray
        (n_presentations, n_sites, n_bins), the sites as the first electrodes of the session; NaN where a presentation
        does not count for a site.
    """
    files = session.study._files
    return files.read_together(session.day, catalog.COUNTS, lambda: _binned(files, session, edges_ms))


def _session(seen: Study, day: int, number: int) -> RecordedSession:
    files = seen._files
    files.check_window(day)
    shown, all_sites = seen.presentations(day), sites_frame(files, day)
    counts = files.read_together(day, catalog.COUNTS, lambda: electrode_counts(files, day))
    own = all_sites.loc[all_sites.index.isin(counts.columns)]
    names, ordinals = [str(name) for name in own.index], counts.index.to_numpy()
    whole = own.assign(**{name: own[name].fillna(NOT_THERE) for name in _OF_ELECTRODES})
    recording, block = files.protocol_of(day).recording, files.paths.block(day)
    return RecordedSession(
        study=seen,
        day=day,
        number=number,
        presentations={
            "ordinal": ordinals.astype(np.int64),
            **{name: _array(shown[name].to_numpy(), column.dtype) for name, column in PRESENTATIONS.items()},
        },
        electrodes={
            "neuroid_id": np.array(names, dtype=np.str_),
            **{name: _array(whole[name].to_numpy(), column.dtype.lower()) for name, column in SITES.items()},
        },
        counts=counts[names].to_numpy(dtype=np.float64),
        left_out={part: files.is_left_out(part, day, ordinals, names) for part in PARTS},
        window_ms=(recording.window_start_ms, recording.window_stop_ms),
        reliability_seed=stage_seed(
            files.protocol.seed, seen.subject, block.seed_name, catalog.SITES.stage, "reliability"
        ),
        said_of_left_out=said_of_all(thing for part in PARTS for thing in files.left_out_of(part, day)),
    )


def _array(values: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
    return values.astype(np.str_ if dtype == "string" else dtype)


def _binned(files: PublishedFiles, session: RecordedSession, edges_ms: Sequence[float]) -> NDArray[np.float64]:
    electrodes, onsets = session.electrodes, files.read(catalog.ONSETS, session.day)
    chosen = np.flatnonzero(electrodes["site_index"] != NOT_THERE)
    found = np.full((len(session.counts), len(chosen), len(edges_ms) - 1), np.nan)
    for place, processor in enumerate(onsets["processor"].tolist()):
        own = chosen[electrodes["processor"][chosen] == processor]
        if not len(own):
            continue
        counter = spike_counter(
            onsets["epoch"][place],
            onsets["tick"][place],
            electrodes=electrodes["electrode_id"][own].tolist(),
            tick_hz=float(onsets["tick_hz"][place]),
            edges_ms=edges_ms,
        )
        spikes = files.read(catalog.spikes(processor), session.day)
        counter.add(in_order(Spikes(spikes["epoch"], spikes["tick"], spikes["electrode_id"])))
        found[:, own] = counter.counts()
    return np.where(np.isfinite(session.counts[:, chosen])[..., None], found, np.nan)
