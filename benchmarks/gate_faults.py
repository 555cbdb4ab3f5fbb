"""Faults made for each gate on the real files of a simulated study, and the study's own loop run over what they leave.

A fault changes a copy of a finished study: a recording as the recorder left it, a session as it was shown, a model as
it was fitted. Its folder is sealed again, as a person's copy is, and the loop makes anew what follows from it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from closedloop.artifacts import catalog
from closedloop.artifacts.gates.report import Checkpoint, GateLevel, GateReport
from closedloop.artifacts.manifest import MANIFEST_NAME, describe_files, read_manifest
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.study import StudyPaths
from closedloop.confined.npy import map_npy
from closedloop.execution.progress import ProgressCallback
from closedloop.gates.evaluate import evaluate_checkpoint
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.damage.nev import cut_off, drop_codes
from closedloop.simulation.damage.set_up import (
    delay_codes,
    lend_spikes,
    move_light,
    renumber_electrodes,
    scatter_spikes,
    thin_spikes,
)
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages import refit
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.recording import raw_electrodes_on
from closedloop.study.loop import read_identity, run_study
from closedloop.study.table import STAGE_TABLE

Change = Callable[[StudyPaths, int], None]

_BANK = 32  # electrodes of a headstage


@dataclass(frozen=True)
class Fault:
    """A fault, and what has to find it.

    Attributes
    ----------
    gate
        The gate that has to say something.
    made
        What was done, in a few words.
    changed
        The stage whose folder is changed.
    change
        Changes a day's files.
    until
        The last stage that is made anew.
    level
        What the gate has to say.
    """

    gate: str
    made: str
    changed: str
    change: Change
    until: str = "ingest"
    level: GateLevel = "HOLD"

    @property
    def checkpoint(self) -> Checkpoint:
        """When the gate is asked."""
        return "intake" if self.until == "ingest" else "review"


@dataclass
class Quiet:
    """A reporter that says nothing, and remembers what it heard last."""

    last: tuple[int, str, int] = (-1, "", 0)

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:  # noqa: ARG002
        """Hear that a stage begins."""
        self.last = day, stage, attempt
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        """Hear that a stage is published."""

    def say(self, text: str) -> None:
        """Hear anything else."""


def find(study: StudyPaths, fault: Fault, *, day: int, folder: Path) -> GateReport:
    """Make a fault in a copy of a study, let the loop go over it, and return what the gates say.

    Parameters
    ----------
    study
        A finished simulated study; it stays as it is.
    fault
        To make.
    day
        On which day; what the study has of later ones is left out.
    folder
        A new folder for the copy, on the study's disk.
    """
    paths = copy_until(study, folder, day=day)
    stages = [stage.name for stage in STAGE_TABLE.day]
    if fault.changed in ("refit", "synthesize"):  # what is told by a stage itself: nothing before it is stale
        change_folder(paths, fault, day=day)
    else:
        for stage in stages[stages.index(fault.changed) + 1 :]:
            shutil.rmtree(paths.folder(stage, day), ignore_errors=True)  # the last day has no queue
        change_folder(paths, fault, day=day)
        day_until = STAGE_TABLE.day[: stages.index(fault.until) + 1]
        table = replace(STAGE_TABLE, day=day_until, report=lambda _paths, _outdated: None)
        run_study(paths, Quiet(), days=day + 1, table=table)
    return evaluate_checkpoint(paths, *read_identity(paths), day, fault.checkpoint)


def copy_until(study: StudyPaths, folder: Path, *, day: int) -> StudyPaths:
    """Copy a study without its later days; files are linked, for nothing here is ever written into in place."""
    left_out = {study.ledger.name, *(f"day-{number:02d}" for number in range(day + 1, 100))}
    shutil.copytree(
        study.root,
        folder,
        copy_function=os.link,
        ignore=lambda _folder, names: [name for name in names if name in left_out or name.startswith(".")],  # a lock
    )
    shutil.copy2(study.ledger, folder / study.ledger.name)
    return StudyPaths(folder)


def change_folder(paths: StudyPaths, fault: Fault, *, day: int) -> None:
    """Change a published folder, its files first made the copy's own, and seal it again."""
    folder = paths.folder(fault.changed, day)
    for file in folder.iterdir():
        own = file.with_name(f".{file.name}.own")
        shutil.copy2(file, own)
        own.replace(file)
    fault.change(paths, day)
    manifest = read_manifest(folder)
    manifest.model_copy(update={"outputs": describe_files(folder)}).write(folder / MANIFEST_NAME)


def _file(paths: StudyPaths, day: int, suffix: str, *, processor: int = 1) -> Path:
    return paths.folder("recording", day) / f"array{processor}{suffix}"


def _electrodes(paths: StudyPaths, *, processor: int = 1) -> list[int]:
    sites = catalog.SITES.read(catalog.SITES.published(paths, 0)).sites
    return [site.electrode_id for site in sites if site.processor == processor]


def _break_off(paths: StudyPaths, day: int) -> None:
    nev = _file(paths, day, ".nev")
    cut_off(nev, round(0.075 * nev.stat().st_size))


def _delay_codes(paths: StudyPaths, day: int) -> None:
    delay_codes(_file(paths, day, ".nev"), most_ms=14.0)


def _drop_codes(paths: StudyPaths, day: int) -> None:
    drop_codes(_file(paths, day, ".nev"), fraction=0.15)


def _unplug_photodiode(paths: StudyPaths, day: int) -> None:
    _file(paths, day, ".ns6").unlink()


def _add_a_frame(paths: StudyPaths, day: int) -> None:
    move_light(_file(paths, day, ".ns6"), later_ms=1000 / 60)


def _jitter_light(paths: StudyPaths, day: int) -> None:
    move_light(_file(paths, day, ".ns6"), later_ms=0.0, sd_ms=4.5)


def _unplug_electrodes(paths: StudyPaths, day: int) -> None:
    """Silence an array from its first electrode on, until two thirds of the model's sites on it are silent."""
    sites = catalog.SITES.read(catalog.SITES.published(paths, 0)).chosen()
    numbers = sorted(site.electrode_id for site in sites if site.processor == 1)
    last = numbers[-(-2 * len(numbers) // 3) - 1]
    dead = [electrode for electrode in _electrodes(paths) if electrode <= last]
    thin_spikes(_file(paths, day, ".nev"), kept=0.0, electrodes=dead)


def _add_noise(paths: StudyPaths, day: int) -> None:
    scatter_spikes(_file(paths, day, ".nev"), part=0.85, electrodes=_electrodes(paths))


def _raise_thresholds(paths: StudyPaths, day: int) -> None:
    thin_spikes(_file(paths, day, ".nev"), kept=0.35, electrodes=_electrodes(paths))


def _exchange_headstages(paths: StudyPaths, day: int) -> None:
    """Exchange the first third of an array's electrodes with the next."""
    own = _electrodes(paths)
    n = min(len(own) // 2, _BANK)
    numbers = dict(zip(own[: 2 * n], own[n : 2 * n] + own[:n], strict=True))
    renumber_electrodes(_file(paths, day, ".nev"), numbers)


def _shift_channels(paths: StudyPaths, day: int) -> None:
    own = _electrodes(paths)
    renumber_electrodes(_file(paths, day, ".nev"), dict(zip(own, own[1:] + own[:1], strict=True)))


def _exchange_two(paths: StudyPaths, day: int) -> None:
    chosen = catalog.SITES.read(catalog.SITES.published(paths, 0)).chosen()
    one, other = [site.electrode_id for site in chosen if site.processor == 1][:2]
    renumber_electrodes(_file(paths, day, ".nev"), {one: other, other: one})


def _silence_one(paths: StudyPaths, day: int) -> None:
    chosen = catalog.SITES.read(catalog.SITES.published(paths, 0)).chosen()
    dead = next(site.electrode_id for site in chosen if site.processor == 1)
    thin_spikes(_file(paths, day, ".nev"), kept=0.0, electrodes=[dead])


def _retune_one(paths: StudyPaths, day: int) -> None:
    """Give a site a part of the spikes of the three electrodes least like it, in place of its own: other cells."""
    sites = [one for one in catalog.SITES.read(catalog.SITES.published(paths, 0)).sites if one.processor == 1]
    counts = catalog.COUNTS.read(catalog.COUNTS.published(paths, 0))["counts"]
    own = next(place for place, site in enumerate(sites) if site.site_index is not None)
    spare = [e for e, site in enumerate(sites) if site.site_index is None and (site.reliability or 0.0) > 0.5]
    known = counts[:, [own, *spare]]
    likeness = np.corrcoef(known[np.isfinite(known).all(axis=1)], rowvar=False)[0, 1:]
    others = [spare[place] for place in np.argsort(likeness, kind="stable")[:3].tolist()]
    lend_spikes(
        _file(paths, day, ".nev"),
        part=0.4,
        electrodes=[sites[place].electrode_id for place in others],
        to=sites[own].electrode_id,
    )


def _exchange_arrays(paths: StudyPaths, day: int) -> None:
    for suffix in (".nev", ".ns6"):
        one, other = (_file(paths, day, suffix, processor=number) for number in (1, 2))
        held = one.rename(one.with_name("held"))
        other.rename(one)
        held.rename(other)


def _show_twins_together(paths: StudyPaths, day: int) -> None:
    """Order the session by the clean image that each picture is of."""
    file, stimuli = catalog.PRESENTATIONS, catalog.STIMULI.read(catalog.STIMULI.published(paths, day))
    place = file.published(paths, day)
    planned = file.read(place)
    order = np.argsort(stimuli["clean_index"][planned["image_index"]], kind="stable")
    columns = {name: values[order] for name, values in planned.items()}
    columns["presentation_index"] = planned["presentation_index"]
    file.write(place, columns, simulated=True)


def _show_clean_twins(paths: StudyPaths, day: int) -> None:
    """Record the session anew as the array answers to a screen that shows the clean image in place of each attacked."""
    study, protocol = read_identity(paths)
    session = catalog.SESSION.read(catalog.SESSION.published(paths, day))
    stimuli = catalog.STIMULI.read(catalog.STIMULI.published(paths, day))
    shown = np.where(stimuli["kind"] == "attacked", stimuli["clean_index"], stimuli["image_index"])
    folder = paths.folder("recording", day)
    for file in folder.glob("array*"):
        file.unlink()
    record(
        folder,
        ArrayDay(
            day=day,
            session_id=session.session_id,
            journal=catalog.JOURNAL.read(catalog.JOURNAL.published(paths, day)),
            images=np.asarray(map_npy(catalog.SESSION_IMAGES.published(paths, day)))[shown],
            refresh_hz=session.screen.refresh_hz,
            raw_electrodes=raw_electrodes_on(protocol.recording, day),
            seed=derive_seed(protocol.seed, study.subject, day, "recording", "array"),
        ),
        cortex=simulated_cortex(protocol, study),
        recording=protocol.recording,
        simulation=protocol.simulation,
        progress=lambda _done, _total: None,
    )


def _turn_signs(paths: StudyPaths, day: int) -> None:
    _change_signs(paths, day, lambda sign: -sign)


def _deal_signs(paths: StudyPaths, day: int) -> None:
    _change_signs(paths, day, lambda sign: np.random.default_rng(0).permutation(sign))


def _change_signs(paths: StudyPaths, day: int, change: Callable[[NDArray[np.int32]], NDArray[np.int32]]) -> None:
    place = catalog.STIMULI.published(paths, day)
    stimuli = dict(catalog.STIMULI.read(place))
    is_attacked = stimuli["kind"] == "attacked"
    stimuli["predicted_sign"] = stimuli["predicted_sign"].copy()
    stimuli["predicted_sign"][is_attacked] = change(stimuli["predicted_sign"][is_attacked])
    catalog.STIMULI.write(place, stimuli, simulated=True)


def _hand_on_old_model(paths: StudyPaths, day: int) -> None:
    shutil.copy2(catalog.MODEL.published(paths, 1), catalog.MODEL.published(paths, day + 1))


def _mix_outputs(paths: StudyPaths, day: int) -> None:
    """Give every output of the refitted model the readout of the next one: sites counted from another number."""
    place = catalog.MODEL.published(paths, day + 1)
    model = load_site_model(place)
    state = model.state_dict()
    model.load_state_dict({name: _rolled(name, values) for name, values in state.items()})
    save_site_model(place, model)


def _rolled(name: str, values: Tensor) -> Tensor:
    return values.roll(1, dims=0) if name.startswith("readout.") and values.ndim > 0 else values


def _diverge(paths: StudyPaths, day: int) -> None:
    """Fit the day anew at thirty times the learning rates of its protocol."""
    study, protocol = read_identity(paths)
    fit = protocol.fit
    faster = {name: 30 * getattr(fit, name) for name in ("base_learning_rate", "readout_learning_rate")}
    folder = paths.folder("refit", day)
    working = folder.with_name("refit-anew")
    working.mkdir()
    changed = protocol.model_copy(update={"fit": fit.model_copy(update=faster)})
    refit.run(StageContext(paths, study, changed, day, "refit", working, lambda _done, _total: None))
    for file in (catalog.MODEL, catalog.FIT):
        (working / file.name).replace(folder / file.name)
    shutil.rmtree(working)


INTAKE_FAULTS = (
    Fault("recording_whole", "the .nev ends 7.5 % early: a copy that broke off", "recording", _break_off),
    Fault("missing_presentations", "the same", "recording", _break_off),
    Fault("recording_aligned", "codes stored up to 14 ms late", "recording", _delay_codes),
    Fault("lost_codes", "15 % of the codes dropped", "recording", _drop_codes),
    Fault("photodiode_seen", "no file with the photodiode", "recording", _unplug_photodiode),
    Fault("photodiode_latency", "the light comes a frame (16.7 ms) later", "recording", _add_a_frame),
    Fault("photodiode_jitter", "the light comes earlier or later by SD 4.5 ms", "recording", _jitter_light),
    Fault("site_yield", "the electrodes of two thirds of an array's sites dead", "recording", _unplug_electrodes),
    Fault("site_reliability", "85 % of the spikes at times by chance", "recording", _add_noise),
    Fault("rate_drift", "35 % of the spikes left: thresholds moved", "recording", _raise_thresholds),
    Fault("normalizer_drift", "the same", "recording", _raise_thresholds),
    Fault("site_identity", "two headstages exchanged", "recording", _exchange_headstages),
    Fault("site_identity", "every channel one number on", "recording", _shift_channels),
    Fault("site_identity", "two sites exchanged", "recording", _exchange_two),
    Fault("site_identity", "one site fallen silent", "recording", _silence_one, level="WARN"),
    Fault("site_identity", "one site with other cells", "recording", _retune_one, level="WARN"),
    Fault("twins_shown", "a session in the order of its clean images", "schedule", _show_twins_together),
)
"""Faults that the intake has to find, whatever the number of arrays."""

TWO_ARRAY_FAULTS = (Fault("site_identity", "the two arrays' connectors exchanged", "recording", _exchange_arrays),)
"""Faults of a recorder with two processors."""

REVIEW_FAULTS = (
    Fault("refit_better", "day 0's model handed on in place of the refitted one", "refit", _hand_on_old_model, "queue"),
    Fault("refit_better", "the readouts shifted by one output", "refit", _mix_outputs, "queue"),
    Fault("refit_better", "a fit at 30 times the learning rates", "refit", _diverge, "queue"),
    Fault(
        "sensitivity_controls", "clean images on the screen for all attacks", "recording", _show_clean_twins, "evaluate"
    ),
    Fault("estimators_agree", "the sealed signs turned round", "synthesize", _turn_signs, "queue"),
    Fault("estimators_agree", "the sealed signs dealt anew", "synthesize", _deal_signs, "queue"),
    Fault("map_fit", "every channel one number on", "recording", _shift_channels, "evaluate", level="WARN"),
)
"""Faults that the review has to find."""
