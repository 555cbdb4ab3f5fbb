"""A real dry run, followed from outside: what the page counts equals the journal at every moment."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import QUALITY, SUMMARY
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import recording, session
from closedloop.service.reading.session.places import journal_of, look_at_journal
from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, command
from tests.unit.service.reading.session.journals import counted_by_replay, counted_live, replay


@dataclass
class Followed:
    """What was seen of a dry run's session."""

    folder: Path
    n_lines: set[int] = field(default_factory=set)
    doing: set[str] = field(default_factory=set)
    recorded: set[str] = field(default_factory=set)

    def look(self, paths: StudyPaths) -> None:
        """Compare a look with a whole replay of the same lines: the rig only appends, so they are still there."""
        self.doing.add(session.read(paths).doing)
        arrived = recording.read(paths).arrived
        self.recorded.add(arrived.state if arrived else "")
        path = journal_of(paths, 0)
        if path is None:
            return
        look = look_at_journal(path)
        assert look.fault == ""
        if look.n_lines in self.n_lines:
            return
        self.n_lines.add(look.n_lines)
        journal = self._replayed(paths, look.n_lines)
        assert counted_live(look) == counted_by_replay(journal)

    def _replayed(self, paths: StudyPaths, n_lines: int) -> Journal:
        path = journal_of(paths, 0)
        assert path is not None
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it was published in this moment
            content = paths.folder("present", 0).joinpath(path.name).read_bytes()
        return replay(b"".join(content.splitlines(keepends=True)[:n_lines]), self.folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dry_run_is_followed_as_its_journal_grows(tmp_path: Path) -> None:
    paths, seen = StudyPaths(tmp_path / "study"), Followed(tmp_path)
    words = command("dry-run", paths.root, "--protocol", "smoke")
    with Child[bytes](words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as dry_run:
        while dry_run.poll() is None:
            seen.look(paths)
            with suppress(subprocess.TimeoutExpired):  # the machine is the dry run's
                dry_run.wait(0.02)
    assert dry_run.returncode == 0
    seen.look(paths)
    summary = SUMMARY.read(SUMMARY.published(paths, 0))
    found = session.read(paths)
    assert (found.counts.n_accepted, found.doing) == (summary.n_accepted, "complete")
    assert found.counts.rejected == summary.n_rejected
    assert found.counts.working_s == summary.duration_s
    assert len(seen.n_lines) >= 3
    assert {"nothing", "complete"} <= seen.doing
    assert {"awaited", "sealed"} <= seen.recorded


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_ingest_found_is_shown_and_the_latency_is_the_quality_report_s(smoke_study: Path) -> None:
    paths = StudyPaths(smoke_study)
    quality = QUALITY.read(QUALITY.published(paths, 0))
    panel = recording.read(paths)
    assert panel.damaged == ()
    assert panel.ingested is not None
    (array,) = panel.ingested.arrays
    assert (array.codes_matched, array.codes_lost) == (quality.codes_matched, quality.codes_lost)
    assert (array.drift_ppm, array.latency_median_ms) == (quality.clock_drift_ppm, quality.photodiode_lag_median_ms)
    assert panel.codes_sent == quality.codes_sent
    (chart,) = panel.charts
    assert chart.x == tuple(sorted(chart.x))
    assert chart.x[-1] == quality.n_presented + quality.n_rejected - 1
    median = sorted(y for y in chart.lines[0].y if y is not None)[len(chart.x) // 2]
    assert median == pytest.approx(quality.photodiode_lag_median_ms, abs=0.1)
