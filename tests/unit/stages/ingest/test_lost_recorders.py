"""What was shown while a recorder was lost unnoticed: neither used nor missed, whether a file has it or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.journal import journal_bytes
from closedloop.artifacts.day.journal_rows import JournalRow, RecordingNoted, SessionEnded
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, RESPONSES
from closedloop.artifacts.tables import read_table
from closedloop.stages.ingest.run import run
from closedloop.storage import write_bytes
from tests.unit.stages.ingest.recorded_days import (
    PER_TRIAL,
    SHOWN,
    WrittenDay,
    expected_counts,
    ingest_context,
    journal_rows,
    onset_s,
    spikes_in_window,
    write_day,
)

N_LOST = PER_TRIAL  # the last trial
FROM_S = onset_s(len(SHOWN) - N_LOST) - 0.2


def rows_of_a_loss(from_s: float | None) -> list[JournalRow]:
    """Return the session's rows with its recording lost after the last trial."""
    *shown, ended = journal_rows()
    assert isinstance(ended, SessionEnded)
    noted = [
        RecordingNoted(
            state=state, file="one", launch=0, part=1, seen_by="packets", time_s=time_s, unrecorded_from_s=unknown_s
        )
        for state, time_s, unknown_s in (("started", 0.0, None), ("lost", ended.time_s, from_s))
    ]
    if from_s is not None:
        ended = ended.model_copy(update={"outcome": "stopped", "n_remaining": N_LOST})
    return [shown[0], noted[0], *shown[1:], noted[1], ended]


def ingested(root: Path, *, from_s: float | None, until_s: float) -> tuple[IngestQuality, np.ndarray, list[str]]:
    made = ingest_context(root)
    write_day(made, WrittenDay(spikes_in_window(), until_s=until_s))
    write_bytes(made.path(catalog.JOURNAL), journal_bytes(rows_of_a_loss(from_s)))
    run(made)
    counts = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"]
    reasons = read_table(made.output(catalog.RESPONSES), RESPONSES)["reason"]
    return IngestQuality.read(made.output(catalog.QUALITY)), counts, [str(one) for one in reasons]


@pytest.mark.parametrize("until_s", [FROM_S, FROM_S + 0.9, 1e9], ids=["cut", "half", "whole"])
def test_what_nobody_knows_to_be_recorded_is_neither_used_nor_missed(tmp_path: Path, until_s: float) -> None:
    quality, counts, reasons = ingested(tmp_path, from_s=FROM_S, until_s=until_s)
    n_used = len(SHOWN) - N_LOST
    assert (quality.n_presented, quality.n_used, quality.n_rejected) == (n_used, n_used, N_LOST)
    assert (quality.n_not_recorded, quality.set_aside) == (N_LOST, {})
    assert (quality.codes_lost, quality.codes_unmatched) == (0, ())
    assert not [one for one in quality.devices[0].remarks if "digital codes" in one]
    np.testing.assert_array_equal(counts[:n_used, :2], expected_counts()[:n_used, :2])  # the third is silent
    assert np.isnan(counts[n_used:]).all()
    assert reasons == [""] * n_used + ["rejected by the rig: not_recorded"] * N_LOST


def test_an_older_journal_of_a_loss_says_what_it_said(tmp_path: Path) -> None:
    quality, _, _ = ingested(tmp_path, from_s=None, until_s=1e9)
    assert (quality.n_presented, quality.n_used, quality.n_not_recorded) == (len(SHOWN), len(SHOWN), 0)
    assert "n_not_recorded" not in quality.model_dump()
