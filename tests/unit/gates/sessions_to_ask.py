"""A session that is ready to be shown, made by hand: published as schedule leaves it, with room for one fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.session import CodeSettings, ScriptedMonkey, SessionDocument
from closedloop.artifacts.day.stimuli import STIMULI, STIMULUS_AUDIT
from closedloop.artifacts.gates.report import GateFinding, GateReport
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest, describe_files
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.gates.evaluate import evaluate_checkpoint
from tests.unit.artifacts.day.test_session import SCREEN, TRIAL
from tests.unit.days import SMOKE, stimulus

N_ANCHORS, N_CLEAN, SIDE_PX = 6, 6, 8
EPSILONS = (2.5, 10.0)
N_PER_DAY = N_ANCHORS + N_CLEAN


@dataclass
class Ready:
    """A study whose sessions are ready to be shown; what is not told otherwise passes every gate.

    Attributes
    ----------
    protocol_values
        By section, values in place of smoke.yaml's.
    """

    paths: StudyPaths
    protocol_values: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def study(self) -> StudyDocument:
        return StudyDocument.read(self.paths.study)

    @property
    def protocol(self) -> Protocol:
        return read_protocol(self.paths.protocol)

    def make(self, *, simulated: bool = True) -> Ready:
        """Write protocol.yaml and study.json."""
        self.paths.root.mkdir(parents=True, exist_ok=True)
        plain = yaml.safe_load(SMOKE.read_text())
        plain["days"] = 3
        for name, values in self.protocol_values.items():
            plain.setdefault(name, {}).update(values)
        self.paths.protocol.write_text(yaml.safe_dump(plain))
        StudyDocument(
            simulated=simulated,
            study_id="abc",
            subject="nobody",
            protocol_name="smoke",
            protocol_sha256="p",
            code_version="0",
            arrays=("array1",),
            pool=PoolDescription(kind="procedural", side_px=SIDE_PX, seed=1, n_categories=4, n_per_category=4),
            base_model="small_resnet_robust",
        ).write(self.paths.study)
        return self

    def day(
        self,
        day: int = 0,
        *,
        stimuli: dict[int, dict[str, Any]] | None = None,
        audit: dict[int, dict[str, Any]] | None = None,
        pictures: dict[int, str] | None = None,
        order: list[int] | None = None,
        with_audit: bool = True,
    ) -> None:
        """Publish a day up to schedule.

        Parameters
        ----------
        day
            Which.
        stimuli, audit
            Values in place of the usual ones, by row.
        pictures
            Content hashes in place of a row's own.
        order
            Rows in the order shown; each twice and twins far apart by default.
        with_audit
            Whether audit.parquet is written.
        """
        rows = self._rows(day)
        for number, values in (stimuli or {}).items():
            rows[number] |= values
        for number, name in (pictures or {}).items():
            rows[number]["stimulus_id"] = name
        self._write(catalog.STIMULI, day, as_columns(rows, STIMULI))
        if with_audit:
            audited = [self._audit(row) for row in rows if row["kind"] != "clean"]
            for number, values in (audit or {}).items():
                audited[number] |= values
            self._write(catalog.AUDIT, day, as_columns(audited, STIMULUS_AUDIT))
        shown = order or [*range(len(rows)), *range(len(rows))]
        columns = {
            "presentation_index": np.arange(len(shown)),
            "stimulus_id": [rows[image]["stimulus_id"] for image in shown],
            "image_index": shown,
            "repetition": [0] * len(shown),
        }
        self._write(catalog.PRESENTATIONS, day, columns)
        self._session(day, n_presentations=len(shown), n_images=len(rows))
        for stage in ("synthesize", "schedule"):
            self.seal(stage, day)

    def shown(self, day: int, *, seconds_each: float, n_accepted: int = 100) -> None:
        """Publish what the rig tells of a day's session."""
        SessionSummary(
            simulated=self.study.simulated,
            session_id=f"abc-day-{day:02d}",
            display="headless",
            outcome="complete",
            n_segments=1,
            n_trials=20,
            n_trials_completed=20,
            n_trials_broken=0,
            n_trials_ignored=0,
            n_presentations=n_accepted,
            n_accepted=n_accepted,
            n_rejected={},
            n_remaining=0,
            n_time_outs=0,
            duration_s=seconds_each * n_accepted,
            reward_ms=0.0,
        ).write(catalog.SUMMARY.published(self.paths, day))
        self.seal("present", day)

    def wrote(self, stage: str, day: int, n_bytes: int) -> None:
        """Publish a folder whose manifest says that it holds so many bytes."""
        self.paths.folder(stage, day).mkdir(parents=True, exist_ok=True)
        self.seal(stage, day, outputs={"array1.nev": FileEntry(sha256="0" * 64, n_bytes=n_bytes)})

    def seal(self, stage: str, day: int, *, outputs: dict[str, FileEntry] | None = None) -> None:
        """Write a folder's manifest."""
        folder = self.paths.folder(stage, day)
        Manifest(
            simulated=self.study.simulated,
            stage=stage,
            day=day,
            seed=0,
            code_version="0",
            protocol_sha256="p",
            input_hash="i",
            inputs={},
            outputs=describe_files(folder) if outputs is None else outputs,
            seconds=0,
            peak_memory_mb=0,
        ).write(folder / MANIFEST_NAME)

    def preflight(self, day: int = 0) -> GateReport:
        """Ask the gates before a session."""
        return evaluate_checkpoint(self.paths, self.study, self.protocol, day, "preflight")

    def finding(self, gate: str, day: int = 0) -> GateFinding:
        """Ask one of them."""
        (found,) = (one for one in self.preflight(day).findings if one.gate == gate)
        return found

    def _write(self, file: Any, day: int, columns: dict[str, Any]) -> None:
        place = file.published(self.paths, day)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.write(place, columns, simulated=self.study.simulated)

    def _rows(self, day: int) -> list[dict[str, Any]]:
        """Return the day's stimulus set: anchors, new images, then attacks on the anchors at each epsilon."""
        clean = [stimulus("clean", "anchor", place) for place in range(N_ANCHORS)]
        clean += [stimulus("clean", "clean", place) for place in range(N_ANCHORS, N_PER_DAY)]
        attacked = [
            stimulus("attacked", "anchor", place, epsilon=epsilon, realised_epsilon=epsilon, site_index=0)
            for epsilon in EPSILONS
            for place in range(N_ANCHORS)
        ]
        rows = []
        for number, row in enumerate([*clean, *attacked]):
            new = f"{day}-" if row["role"] == "clean" or row["kind"] != "clean" else ""  # anchors stay the same
            picture = np.frombuffer(f"{new}{number}".ljust(12).encode(), np.uint8).reshape(2, 2, 3)
            rows.append(row | {"image_index": number, "stimulus_id": stimulus_id(picture)})
        return rows

    def _audit(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what a good attack is counted to be: a hundredth lost, hardly brighter, hardly clipped."""
        same = {name: row[name] for name in ("stimulus_id", "image_index", "clean_index", "kind", "category")}
        same |= {name: row[name] for name in ("site_index", "epsilon", "realised_epsilon")}
        return same | {
            "n_changed": 100,
            "n_clipped": 1,
            "largest_change": 3,
            "luminance_clean": 0.5,
            "luminance_shift": 0.001,
            "contrast_clean": 0.2,
            "contrast_shift": 0.0,
            "predicted_change_float": 1.0,
            "predicted_change": 0.99,
            "rounding_loss": 0.01,
            "lattice_bound": np.nan,
        }

    def _session(self, day: int, *, n_presentations: int, n_images: int) -> None:
        simulated = self.study.simulated
        monkey = ScriptedMonkey(seed=1, ignore_probability=0.1, leave_early_probability=0.1)
        SessionDocument(
            simulated=simulated,
            session_id=f"abc-day-{day:02d}",
            study_id="abc",
            subject="nobody",
            day=day,
            seed=1,
            n_presentations=n_presentations,
            n_images=n_images,
            image_side_px=SIDE_PX,
            screen=SCREEN,
            trial=TRIAL,
            codes=CodeSettings(),
            monkey=monkey if simulated else None,
        ).write(catalog.SESSION.published(self.paths, day))


def ready(root: Path, *, simulated: bool = True, **protocol_values: dict[str, Any]) -> Ready:
    """Return a study of which no day is made yet."""
    return Ready(StudyPaths(root), protocol_values).make(simulated=simulated)


def levels(report: GateReport) -> dict[str, str]:
    """Return what each gate came to."""
    return {finding.gate: finding.level for finding in report.findings}
