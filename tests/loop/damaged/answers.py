"""How a study answers what was brought to it, and whether what it took is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.errors import ClosedLoopError
from closedloop.study.completeness.looks import Patience
from closedloop.study.loop import run_study
from closedloop.study.table import STAGE_TABLE
from tests.loop.real_study import RealStudy
from tests.unit.study.labs import Listener

Answer = Literal["refused", "waits", "right"]
UNTIL_INGEST = replace(
    STAGE_TABLE, day=tuple(s for s in STAGE_TABLE.day[: [s.name for s in STAGE_TABLE.day].index("ingest") + 1])
)


_TOMORROW = Patience(settle_s=0, now=lambda: time.time() + 86_400)  # nothing has changed for a day


@dataclass(frozen=True)
class Damage:
    """One way to damage what was brought.

    Attributes
    ----------
    name
        In plain words.
    do
        Given the study.
    answer
        How the study answers: in one line, by waiting in one line, or with the right counts.
    says
        What the line says, or quality.json where the counts are right; a regular expression.
    study
        Which study is damaged: of one array, of two, one whose day 0 is closed and day 1 brought, or one that was
        just made and has not read its photographs.
    """

    name: str
    do: Callable[[RealStudy], None]
    answer: Answer
    says: str
    study: Literal["one array", "two arrays", "second day", "new"] = "one array"

    @property
    def day(self) -> int:
        """The day whose data are damaged."""
        return int(self.study == "second day")


@dataclass(frozen=True)
class Found:
    """How a study answered."""

    answer: Answer
    text: str


def answer_of(real: RealStudy, day: int) -> Found:
    """Run a study until a day is ingested."""
    try:
        outcome = run_study(real.paths, Listener(), days=day + 1, table=UNTIL_INGEST, patience=_TOMORROW)
    except ClosedLoopError as error:
        return Found("refused", str(error))
    if outcome.waiting_for is not None:
        return Found("waits", outcome.waiting_for)
    quality = catalog.QUALITY.published(real.paths, day).read_text()
    return Found("right", quality)


def wrong_counts(real: RealStudy, whole: RealStudy, day: int) -> int:
    """Count the numbers that ingest took from damaged data and that whole data contradict."""
    (damaged, mine), (undamaged, theirs) = (_counts(one, day) for one in (real, whole))
    common = sorted(mine.keys() & theirs.keys())
    assert common
    if len(damaged) != len(undamaged):
        return max(len(damaged), len(undamaged))
    taken = damaged[:, [mine[electrode] for electrode in common]]
    true = undamaged[:, [theirs[electrode] for electrode in common]]
    return int(np.count_nonzero(np.isfinite(taken) & (taken != true)))


def n_counted(real: RealStudy, day: int) -> int:
    """Count the numbers that ingest took."""
    return int(np.isfinite(_counts(real, day)[0]).sum())


def _counts(real: RealStudy, day: int) -> tuple[NDArray[np.float64], dict[tuple[int, int], int]]:
    """Return a day's counts, and the column of each electrode of each processor."""
    sites = catalog.SITES.read(catalog.SITES.published(real.paths, day)).sites
    counts = catalog.COUNTS.read(catalog.COUNTS.published(real.paths, day))["counts"]
    return counts, {(site.processor, site.electrode_id): at for at, site in enumerate(sites[: counts.shape[1]])}


def brought(real: RealStudy, day: int) -> dict[str, bytes]:
    """Return every byte that a person brought."""
    return {
        f"{stage}/{file.relative_to(folder)}": file.read_bytes()
        for stage in ("present", "recording")
        for folder in [real.paths.folder(stage, day)]
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "manifest.json"
    }
