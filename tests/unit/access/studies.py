"""A study made by hand: three days planned, two recorded, the second not evaluated; two processors, three sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import AttainedFraction, EpsilonEvaluation, EvaluationReport
from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation, SessionEnded
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.files.kinds import StudyFile
from closedloop.artifacts.input_hash import INGEST_SECTIONS, input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns
from tests.unit.days import context, pixels, stimulus, stimulus_columns

N_DAYS = 3
SITES = ("array1-001", "array2-001", "array1-005")  # in the model's order
ELECTRODES = ("array1-005", "array1-001", "array1-009", "array2-001")  # in the recording's
WINDOW_S = 0.1
SHOWN = (0, 1, 1, 0)  # rows of the stimuli
COUNTS = np.array(
    [[5.0, 1.0, 9.0, np.nan], [6.0, 2.0, 9.0, 20.0], [np.nan, np.nan, np.nan, np.nan], [7.0, 3.0, 9.0, 30.0]]
)  # (presentations, electrodes)
REJECTED = 2  # ordinal of the presentation that the rig rejected
ONSETS_S = np.array([[1.0, 2.0, 3.0, 4.0], [np.nan, 102.0, 103.0, 104.0]])  # (processors, presentations)
MISSING_ON_DAY_1 = "array1-005"
READS = {"ingest": ("synthesize", "present"), "evaluate": ("synthesize", "ingest")}


def make_study(root: Path, *, simulated: bool = True) -> Path:
    """Write the study."""
    made = context(root, "plan", simulated=simulated)
    made.study.write(made.paths.study)
    source = (Path(__file__).parents[3] / "protocols" / "smoke.yaml").read_text()
    made.paths.protocol.write_text(source.replace("days: 1 ", f"days: {N_DAYS} "))
    for day in (0, 1):
        _write_day(Made(made.paths, day, simulated))
    return root


class Made:
    """Writes files of one day of one study."""

    def __init__(self, paths: StudyPaths, day: int, simulated: bool) -> None:
        self.paths, self.day, self.simulated = paths, day, simulated

    def write(self, file: Any, content: Any) -> None:
        file.write(self.path(file), content, simulated=self.simulated)

    def path(self, file: StudyFile) -> Path:
        path = self.paths.day(self.day).folder(file.stage) / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def publish(self, stage: str, *, simulated: bool | None = None) -> None:
        marked = self.simulated if simulated is None else simulated
        folder, protocol = self.paths.day(self.day).folder(stage), read_protocol(self.paths.protocol)
        inputs = {
            f"{self.paths.relative(self.paths.day(self.day).folder(of))}/{name}": entry.sha256
            for of in READS.get(stage, ())
            for name, entry in read_manifest(self.paths.day(self.day).folder(of)).outputs.items()
        }
        decided = input_hash(
            stage,
            Block(self.day),
            study=StudyDocument.read(self.paths.study),
            protocol=protocol,
            sections=INGEST_SECTIONS if stage == "ingest" else (),
            inputs=inputs,
        )
        values: dict[str, Any] = {"seed": 0, "code_version": "0", "seconds": 0.0, "peak_memory_mb": 0.0}
        values |= {"protocol_sha256": protocol_sha256(protocol), "input_hash": decided}
        values |= {"inputs": inputs, "outputs": describe_files(folder)}
        Manifest(simulated=marked, stage=stage, day=self.day, **values).write(folder / MANIFEST_NAME)


def _write_day(made: Made) -> None:
    rows = [
        stimulus("clean", "clean", 0),
        stimulus("attacked", "clean", 0, site_index=1, epsilon=10.0, realised_epsilon=9.9, predicted_sign=1),
    ]
    made.write(catalog.STIMULI, stimulus_columns(rows))
    made.write(catalog.IMAGES, {"images": pixels(2)})
    made.publish("synthesize")
    made.path(catalog.JOURNAL).write_text("".join(row.model_dump_json() + "\n" for row in _journal(made.simulated)))
    made.publish("present")
    _write_ingest(made)
    if made.day == 0:
        _write_evaluation(made)


def _journal(simulated: bool) -> list[Any]:
    opened = LaunchOpened(
        segment=0,
        session_id="s",
        simulated=simulated,
        display="headless",
        clock="virtual",
        refresh_hz=60.0,
        first_ordinal=0,
        first_trial=0,
        time_s=0.0,
        utc=None,
    )
    return [opened, *(_presentation(ordinal) for ordinal in range(4)), _ended()]


def _ended() -> SessionEnded:
    return SessionEnded(outcome="complete", n_remaining=0, time_s=9.0)


def _presentation(ordinal: int) -> Presentation:
    rejected = ordinal == REJECTED
    return Presentation(
        ordinal=ordinal,
        trial=ordinal // 2,
        position=ordinal % 2,
        presentation_index=ordinal,
        image_index=SHOWN[ordinal],
        stimulus_id=_stimulus_ids()[SHOWN[ordinal]],
        repetition=0,
        code=ordinal + 1,
        onset_s=ordinal + 0.5,
        offset_s=ordinal + 0.6,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="rejected" if rejected else "accepted",
        reason="fixation_broken" if rejected else None,
    )


def _stimulus_ids() -> list[str]:
    return [str(name) for name in stimulus_columns([stimulus("clean", "clean", 0)] * 2)["stimulus_id"]]


def _write_ingest(made: Made) -> None:
    used = [ordinal != REJECTED for ordinal in range(4)]
    responses = {
        "ordinal": range(4),
        "presentation_index": range(4),
        "image_index": SHOWN,
        "stimulus_id": [_stimulus_ids()[image] for image in SHOWN],
        "repetition": [0, 0, 0, 1],
        "onset_s": ONSETS_S[0],
        "onset_source": ["photodiode"] * 4,
        "used": used,
        "reason": ["" if own else "rejected by the rig: fixation_broken" for own in used],
    }
    made.write(catalog.RESPONSES, responses)
    recorded = [name for name in ELECTRODES if not (made.day == 1 and name == MISSING_ON_DAY_1)]
    columns = [ELECTRODES.index(name) for name in recorded]
    made.write(catalog.COUNTS, {"counts": COUNTS[:, columns], "electrode_id": [_electrode(name) for name in recorded]})
    missing = [MISSING_ON_DAY_1] if made.day == 1 else []
    sites = (*(_site(name) for name in recorded), *(_not_recorded(name) for name in missing))
    made.write(catalog.SITES, SiteTable(simulated=made.simulated, day=made.day, sites=sites))
    onsets = {"processor": [1, 2], "tick_hz": [30_000.0] * 2, "epoch": np.zeros((2, 4)), "tick": ONSETS_S * 30_000}
    made.write(catalog.ONSETS, {**onsets, "time_s": ONSETS_S})
    made.write(catalog.spikes(1), _spikes([(1, 1.2), (5, 1.1), (1, 1.1)]))
    made.write(catalog.spikes(2), _spikes([(1, 102.1)]))
    made.write(catalog.QUALITY, _quality(made, sites_missing=tuple(missing)))
    made.publish("ingest")


def _electrode(name: str) -> int:
    return int(name.rpartition("-")[2])


def _site(name: str) -> Site:
    return Site(
        neuroid_id=name,
        electrode_id=_electrode(name),
        reliability=0.5,
        mean_rate_hz=20.0,
        sigma_hz=5.0,
        site_index=SITES.index(name) if name in SITES else None,
        processor=2 if name.startswith("array2") else 1,
    )


def _not_recorded(name: str) -> Site:
    """As ingest has it in the table: no reliability, and zeros."""
    return _site(name).model_copy(update={"reliability": None, "mean_rate_hz": 0.0, "sigma_hz": 0.0})


def _spikes(rows: list[tuple[int, float]]) -> dict[str, Any]:
    electrode, time_s = zip(*rows, strict=True)
    ticks = np.array(time_s) * 30_000
    return {"electrode_id": electrode, "epoch": np.zeros(len(rows)), "tick": ticks, "time_s": time_s}


def _quality(made: Made, *, sites_missing: tuple[str, ...]) -> IngestQuality:
    counts = ("n_spikes", "n_presented", "n_rejected", "n_used", "codes_sent", "codes_received", "codes_matched")
    counts += ("codes_lost", "codes_doubled", "codes_changed", "n_without_photodiode")
    numbers = ("duration_s", "clock_offset_s", "clock_drift_ppm", "clock_residual_iqr_ms")
    unknown = ("photodiode_lag_median_ms", "photodiode_lag_iqr_ms", "twin_separation_median_min")
    unknown += ("twin_separation_min_min", "reliability_median")
    values: dict[str, Any] = {**dict.fromkeys(counts, 0), **dict.fromkeys(numbers, 0.0), **dict.fromkeys(unknown)}
    return IngestQuality(
        simulated=made.simulated,
        day=made.day,
        session_id="s",
        files={},
        spikes_from="nev",
        set_aside={},
        codes_unmatched=(),
        raw_agreement=(),
        sites_missing=sites_missing,
        **values,
    )


def _write_evaluation(made: Made) -> None:
    estimates = [("paper", False), ("true", True), ("gaussian", True), ("vanilla_units", True)]
    rows = [
        {"day": made.day, "epsilon": 10.0, "estimate": name, "truth": truth, "image_set": "all", "site": ""}
        | {"mean": 0.5, "standard_error": 0.1, "n_images": 1, "n_sites": 3}
        | {"interval_low": 0.3, "interval_high": 0.7}
        for name, truth in estimates
    ]
    made.write(catalog.SENSITIVITY, as_columns(rows, catalog.SENSITIVITY.layout))
    both = {"unit": "sigma", "over": "images_and_sites"}
    made.write(catalog.INTERVALS, as_columns([row | both for row in rows[:2]], catalog.INTERVALS.layout))
    slope = {"day": made.day, "of": "site", "name": SITES[1], "slope": 0.02, "standard_error": 0.01, "degrees": 3}
    made.write(catalog.SLOPES, as_columns([slope | {"p": 0.1, "p_corrected": 0.3}], catalog.SLOPES.layout))
    pair = {"stimulus_id": "x", "kind": "attacked", "role": "clean", "image_id": "i", "neuroid_id": SITES[1]}
    pair |= {"epsilon": 10.0, "realised_epsilon": 9.9, "predicted_sign": 1, "rate_clean_hz": 10.0}
    pair |= {"rate_changed_hz": 20.0, "change": 1.0, "true_change": 0.7, "n_repetitions": 1}
    pair |= {"cross_fitted": 1.0, "square": 1.0}
    made.write(catalog.PAIRS, as_columns([pair], catalog.PAIRS.layout))
    epsilon = EpsilonEvaluation(
        epsilon=10.0,
        n_pairs=1,
        sign_agreement_measured=1.0,
        sign_agreement_true=0.75,
        realised_epsilon_mean=9.9,
        realised_epsilon_max=9.9,
        mean_attacked_hz=20.0,
        predicted_change=1.0,
    )
    attained = AttainedFraction(
        epsilon=10.0,
        image_set="all",
        fraction=0.5,
        interval_low=0.4,
        interval_high=0.6,
        true=0.35,
        white_box=0.7,
        n_pairs=1,
        n_images=1,
        n_sites=1,
    )
    by_site = ("sigma_hz", "sigma_corrected_hz", "r_predicted", "reliability", "preferred_hz")
    values: dict[str, Any] = {name: {} for name in by_site}
    report = EvaluationReport(
        simulated=made.simulated,
        day=made.day,
        n_sites=3,
        n_attacked=1,
        epsilons=(epsilon,),
        examples=(),
        rasters=(),
        attained=(attained,),
        **values,
    )
    made.write(catalog.EVALUATION, report)
    made.publish("evaluate")
