"""Which folders of a disturbed study are the undisturbed ones, byte for byte, and why others are not."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.chaos import ChaosEvent, ChaosFolder, ChaosKind, ChaosNumber
from closedloop.artifacts.records.sequence import START as NO_SESSION
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, START, START_DAY, StudyPaths
from closedloop.report.numbers import summary_rows
from closedloop.report.reading import read_sensitivity
from closedloop.storage import sha256_bytes, sha256_file

TOUCHED: dict[ChaosKind, tuple[str, ...]] = {
    "killed_loop": (),
    "full_disk": (),
    "slow_copy": (),
    "truncated_copy": (),
    "killed_rig": ("present",),
    "lost_codes": ("recording",),
    "doubled_codes": ("recording",),
    "recorder_pause": ("recording",),
    "clock_reset": ("recording",),
    "dead_electrode": ("recording",),
    "early_end": ("present",),
    "skipped_day": STAGES,
}
"""The folders that an event may change by itself; whoever stops a program or a copy may change none."""

_LASTS = ("dead_electrode",)  # on every day that follows
_PAPER = "paper"


def compare_folders(
    disturbed: StudyPaths, undisturbed: StudyPaths, events: tuple[ChaosEvent, ...], *, n_days: int
) -> tuple[ChaosFolder, ...]:
    """Compare every published folder of two studies.

    Parameters
    ----------
    disturbed, undisturbed
        The studies.
    events
        What happened to the first.
    n_days
        Their days.

    Returns
    -------
    tuple
        A folder each, in the order of the stages: by then it is known whether what it was made from differs.
    """
    found: dict[str, ChaosFolder] = {}
    sessions = undisturbed.sequence.blocks(n_days)
    for block, stage in [(NO_SESSION, START), *((block, stage) for block in sessions for stage in STAGES)]:
        day, both = block.day, [paths.at(block) for paths in (disturbed, undisturbed)]
        folders = [paths.folder(stage, day) for paths in both]
        there = [(folder / MANIFEST_NAME).is_file() for folder in folders]
        if not any(there):
            continue
        touched = [
            one.kind
            for one in events
            if stage in TOUCHED[one.kind] and (Block(one.day) == block or (one.kind in _LASTS and one.day <= day))
        ]
        name = disturbed.relative(folders[0])
        inputs = sorted(
            {
                path.rpartition("/")[0]
                for folder, is_there in zip(folders, there, strict=True)
                if is_there
                for path in read_manifest(folder).inputs
            }
        )
        differing = [one for one in inputs if one in found and not found[one].is_same]
        found[name] = ChaosFolder(
            day=None if day == START_DAY else day,
            stage=stage,
            is_same=all(there) and _bytes_of(both[0], stage, day) == _bytes_of(both[1], stage, day),
            because=(*touched, *differing),
            block=block.number,
        )
    return tuple(found.values())


def _bytes_of(paths: StudyPaths, stage: str, day: int) -> dict[str, str]:
    """Return the sha256 of a folder's files as they are now, by name."""
    folder = paths.folder(stage, day)
    return {
        name: _sha256_of_journal(folder / name) if name == JOURNAL.name else sha256_file(folder / name)
        for name in read_manifest(folder).outputs
    }


def _sha256_of_journal(path: Path) -> str:
    """Hash a journal without what is another in every run of one seed.

    It names the manifest of the session folder by its hash, and that says how long the folder took to make; each line
    has a check of the lines before it.
    """
    rows = [
        row.model_copy(update={"plan_sha256": None}) if isinstance(row, LaunchOpened) else row
        for row in JOURNAL.read(path).rows
    ]
    return sha256_bytes("\n".join(row.model_dump_json() for row in rows).encode())


def compare_numbers(disturbed: StudyPaths, undisturbed: StudyPaths) -> tuple[ChaosNumber, ...]:
    """Return the measured sensitivity of both studies, by day and epsilon."""
    cells = [
        {(row.day, row.epsilon): row for row in summary_rows(read_sensitivity(paths)) if row.estimate == _PAPER}
        for paths in (undisturbed, disturbed)
    ]
    numbers = []
    for day, epsilon in sorted({*cells[0], *cells[1]}):
        one, other = (own.get((day, epsilon)) for own in cells)
        numbers.append(
            ChaosNumber(
                day=day,
                epsilon=epsilon,
                undisturbed=_finite(one.mean if one else None),
                undisturbed_error=_finite(one.standard_error if one else None),
                disturbed=_finite(other.mean if other else None),
                disturbed_error=_finite(other.standard_error if other else None),
            )
        )
    return tuple(numbers)


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
