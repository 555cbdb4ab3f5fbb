"""The stimuli of the session that comes next, with their audit: from what was scheduled last, or synthesized last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.sequence import FIRST, block_of_folder, readable_sequence
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.service.over_days.numbers import attempt
from closedloop.service.unchanged import while_unchanged

_AUDITED = (
    *("n_changed", "n_clipped", "largest_change", "luminance_clean", "luminance_shift", "contrast_clean"),
    *("contrast_shift", "predicted_change_float", "predicted_change", "rounding_loss", "lattice_bound"),
)


@dataclass(frozen=True)
class NextSession:
    """The stimuli that are shown next, or were shown last.

    Attributes
    ----------
    stage
        The last stage that has published them: *schedule* where the session folder is ready.
    is_shown
        Whether the rig has begun to show it.
    columns
        Of `catalog.STIMULI`, a row an image of the session, with those of `catalog.AUDIT` (NaN where it has no row).
    site_names
        By output of the model, as far as the day before tells.
    session
        None before *schedule*.
    is_audited
        Whether there is an audit: old versions wrote none.
    hours
        What the plan says it takes, in words; empty where it cannot be read.
    block
        Which of the day's sessions.
    """

    day: int
    stage: Literal["synthesize", "schedule"]
    is_shown: bool
    columns: Columns
    site_names: dict[int, str]
    session: SessionDocument | None
    is_audited: bool
    hours: str
    block: int = 1

    def row_of(self, stimulus_id: str) -> int | None:
        """Return the row of the first stimulus of this name."""
        rows = np.flatnonzero(self.columns["stimulus_id"] == stimulus_id)
        return int(rows[0]) if len(rows) else None


def find_next_session(paths: StudyPaths) -> tuple[NextSession | None, tuple[str, ...]]:
    """Return the stimuli of the last session that has some, and what could not be read; None where none has any."""
    sequence = readable_sequence(paths.root)
    for block in reversed(paths.found()):
        day = paths.at(block).day(block.day)
        if block in sequence.of_day(block.day) and (day.folder("synthesize") / MANIFEST_NAME).is_file():
            found, faults = _session(day.root)
            return found, faults
    return None, ()


def _files(folder: Path) -> Iterable[Path]:
    yield from (folder / stage / MANIFEST_NAME for stage in ("synthesize", "schedule", "present"))
    yield folder / "synthesize" / catalog.STIMULI.name
    yield folder / "synthesize" / catalog.AUDIT.name
    yield folder / "schedule" / catalog.SESSION.name
    yield folder / "present" / catalog.JOURNAL.name


@while_unchanged(most=4, files=_files)
def _session(folder: Path) -> tuple[NextSession | None, tuple[str, ...]]:
    day, number = block = block_of_folder(folder.name) or FIRST
    paths = StudyPaths(folder.parent).at(block)
    columns, fault = attempt(lambda: catalog.STIMULI.read(catalog.STIMULI.published(paths, day)))
    if columns is None:
        return None, (fault,)
    faults: list[str] = []
    audit = None
    if (place := catalog.AUDIT.published(paths, day)).exists():  # versions before October 2026 wrote none
        audit, fault = attempt(lambda: catalog.AUDIT.read(place))
        faults += [fault] if fault else []
    session, is_scheduled = None, (folder / "schedule" / MANIFEST_NAME).is_file()
    if is_scheduled:
        session, fault = attempt(lambda: catalog.SESSION.read(catalog.SESSION.published(paths, day)))
        faults += [fault] if fault else []
    return (
        NextSession(
            day=day,
            stage="schedule" if is_scheduled else "synthesize",
            is_shown=catalog.JOURNAL.published(paths, day).exists(),
            columns=_with_audit(columns, audit),
            site_names=_site_names(paths, day),
            session=session,
            is_audited=audit is not None,
            hours=_hours(paths, day),
            block=number,
        ),
        tuple(faults),
    )


def _with_audit(columns: Columns, audit: Columns | None) -> Columns:
    n = len(columns["stimulus_id"])
    joined = dict(columns)
    for name in _AUDITED:
        joined[name] = np.full(n, np.nan)
        if audit is not None:
            rows = audit["image_index"]
            inside = (rows >= 0) & (rows < n)
            joined[name][rows[inside]] = audit[name][inside]
    return joined


def _site_names(paths: StudyPaths, day: int) -> dict[int, str]:
    for earlier in reversed([one for one in paths.found() if one < paths.block(day)]):
        table, _ = attempt(partial(catalog.SITES.read, catalog.SITES.published(paths.at(earlier), earlier.day)))
        if table is not None:
            return {site.site_index: site.neuroid_id for site in table.chosen() if site.site_index is not None}
    return {}


def _hours(paths: StudyPaths, day: int) -> str:
    plan, _ = attempt(partial(catalog.DAY_PLAN.read, catalog.DAY_PLAN.published(paths, day)))
    if not plan:
        return ""
    hours, allowed = plan.budget.hours, plan.budget.allowed_hours
    return f"{hours:.1f} of {allowed:g} hours" if hours >= 1 else f"{60 * hours:.1f} minutes of {allowed:g} hours"
