"""How long each gate takes on a day of the paper's size: guo2022.yaml, 882 attacks an epsilon, two arrays of 96.

The published files are made up, the sizes are real: 21 sites, 168 anchors, 1,000 clean images, 25 normalizers, 42
attacks a site and epsilon, controls, 192 electrodes, a ResNet-50 to layer4.0 of 224 pixels. images.h5 holds the
anchors, which are all that a gate reads of it. Run: ``python -m benchmarks gates_paper_day``.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day.stimuli import STIMULI, STIMULUS_AUDIT
from closedloop.artifacts.gates.report import CHECKPOINTS
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.gates.context import GateContext
from closedloop.gates.table import gates_of
from closedloop.models.backbones import build_classifier, cut
from closedloop.models.checkpoints import save_site_model
from closedloop.models.site_model import BaseModel, build_site_model, calibrate_readout
from tests.unit.days import stimulus
from tests.unit.gates.recorded_days import WINDOW_S, Recorded, write_counts
from tests.unit.gates.sessions_to_ask import Ready

N_ELECTRODES = 192
DAYS = (0, 1)


def stimuli_of(protocol: Protocol, day: int) -> list[dict[str, Any]]:
    """Return the rows of a day's stimulus set: normalizers and anchors are every day's, all else is new."""
    images, attack, controls = protocol.images, protocol.attack, protocol.controls
    random, n_sites = np.random.default_rng([1, day]), protocol.sites.n_sites
    rows = [
        stimulus("clean", "anchor", place, repetitions=images.anchor_repetitions) for place in range(images.anchors)
    ]
    rows += [
        stimulus("clean", "normalizer", len(rows) + place, repetitions=images.normalizer_repetitions)
        for place in range(images.normalizers)
    ]
    first_new = len(rows)
    rows += [stimulus("clean", "clean", first_new + place) for place in range(images.clean_per_day)]
    for epsilon in attack.epsilons:
        for site in range(n_sites):
            anchors = random.choice(images.anchors, attack.anchors_per_site, replace=False)
            fresh = first_new + random.choice(images.clean_per_day, attack.fresh_images_per_site, replace=False)
            for clean in (*anchors, *fresh):
                role = "anchor" if clean < images.anchors else "clean"
                values = {"site_index": site, "epsilon": epsilon, "realised_epsilon": epsilon}
                rows.append(
                    stimulus("attacked", role, int(clean), predicted_sign=int(random.choice([-1, 1])), **values)
                )
        for kind in ("gaussian", "linear"):
            for clean in range(controls.n_images):
                rows.append(stimulus(kind, "anchor", clean, epsilon=epsilon, realised_epsilon=epsilon))
    everyday = {"anchor", "normalizer"}
    for place, row in enumerate(rows):
        is_old = row["kind"] == "clean" and row["role"] in everyday
        row |= {"image_index": place, "stimulus_id": f"{place if is_old else 10**6 * (day + 1) + place:016x}"}
    return rows


def make_day(study: Ready, protocol: Protocol, day: int) -> None:
    """Write what a day publishes, as far as gates read it."""
    paths, rows = study.paths, stimuli_of(protocol, day)
    study._write(catalog.STIMULI, day, as_columns(rows, STIMULI))
    study._write(
        catalog.AUDIT, day, as_columns([study._audit(row) for row in rows if row["kind"] != "clean"], STIMULUS_AUDIT)
    )
    shown = np.concatenate([np.flatnonzero([row["repetitions"] > turn for row in rows]) for turn in range(10)])
    study._write(
        catalog.PRESENTATIONS,
        day,
        {
            "presentation_index": np.arange(len(shown)),
            "stimulus_id": [rows[image]["stimulus_id"] for image in shown],
            "image_index": shown,
            "repetition": np.zeros(len(shown), dtype=int),
        },
    )
    study._session(day, n_presentations=len(shown), n_images=len(rows))
    random = np.random.default_rng([2, day])
    tuning = 40 + 15 * np.random.default_rng(3).standard_normal((len(rows), N_ELECTRODES))
    for place, row in enumerate(rows):
        if row["kind"] != "clean":
            tuning[place] = tuning[row["clean_index"]]
            if row["kind"] == "attacked":
                tuning[place, row["site_index"]] += 9.0 * row["predicted_sign"]
    rates_hz = tuning[shown] + 5 * random.standard_normal((len(shown), N_ELECTRODES))
    write_counts(paths, day, shown, np.maximum(rates_hz, 0) * WINDOW_S)
    names = [f"array{1 + n // 96}-{1 + n % 96:03d}" for n in range(N_ELECTRODES)]
    sites = tuple(
        Site(
            neuroid_id=name,
            electrode_id=1 + number,
            reliability=0.8,
            mean_rate_hz=40.0,
            sigma_hz=15.0,
            site_index=number if number < protocol.sites.n_sites else None,
            processor=1 + number // 96,
        )
        for number, name in enumerate(names)
    )
    catalog.SITES.write(
        catalog.SITES.published(paths, day), SiteTable(simulated=True, day=day, sites=sites), simulated=True
    )
    predicted = tuning[:, : protocol.sites.n_sites]
    study._write(catalog.PREDICTIONS, day, {"predicted": (predicted - predicted.mean(0)) / predicted.std(0)})
    images = random.integers(0, 256, (protocol.images.anchors, 224, 224, 3), dtype=np.uint8)
    study._write(catalog.IMAGES, day, {"images": images})
    evaluation = EvaluationReport.model_construct(
        simulated=True,
        day=day,
        n_sites=protocol.sites.n_sites,
        n_attacked=1,
        epsilons=(),
        sigma_hz=dict.fromkeys(names, 15.0),
        sigma_corrected_hz={},
        r_predicted={},
        reliability={},
        preferred_hz={},
        random_pair=None,
        examples=(),
        rasters=(),
    )
    catalog.EVALUATION.write(catalog.EVALUATION.published(paths, day), evaluation, simulated=True)
    Recorded(paths.root).quality(day, {}, {})
    for stage in ("synthesize", "schedule", "ingest", "evaluate"):
        study.seal(stage, day)


def make_model(paths: StudyPaths, protocol: Protocol, day: int) -> None:
    """Write a model of the paper's size, its readout alone calibrated."""
    base = BaseModel("resnet50", protocol.base_model.layer, cut(build_classifier("resnet50", seed=3), "layer4.0"))
    model = build_site_model(base, n_sites=protocol.sites.n_sites, side_px=224, seed=1)
    calibrate_readout(model, np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3), dtype=np.uint8))
    place = catalog.MODEL.published(paths, day)
    place.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(place, model)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        study = Ready(StudyPaths(Path(name) / "study")).make()
        study.paths.protocol.write_bytes(shipped_protocols()["guo2022"].read_bytes())
        protocol = read_protocol(study.paths.protocol)
        for day in DAYS:
            make_day(study, protocol, day)
        make_model(study.paths, protocol, DAYS[-1] + 1)
        for checkpoint in CHECKPOINTS:
            context = GateContext(study.paths, study.study, protocol, DAYS[-1])
            for gate in gates_of(checkpoint):
                began, used = time.monotonic(), time.process_time()
                found = gate.evaluate(context)
                figures = {
                    "gate": gate.name,
                    "checkpoint": checkpoint,
                    "level": found.level,
                    "s": round(time.monotonic() - began, 2),
                    "cpu_s": round(time.process_time() - used, 2),
                    "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                }
                print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
