"""What the study finds: tables of single images and sites, and the alarms of experiments without any effect."""

from __future__ import annotations

import math

import numpy as np

from closedloop import __version__
from closedloop.access.study import Study
from closedloop.analysis.intervals import wilson
from closedloop.artifacts.day.evaluation import IMAGE_CURVES
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.errors import StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import Workers
from closedloop.storage import resolved
from closedloop.studies.files import remove_both, write_both
from closedloop.studies.image_sensitivity.asked import ImageSensitivityOptions
from closedloop.studies.image_sensitivity.documents import (
    SHAM_ALARMS,
    SITE_SLOPES,
    TRUE_SLOPES,
    ImageSensitivityStudy,
)
from closedloop.studies.image_sensitivity.gather import GatheredPairs, gather_pairs
from closedloop.studies.image_sensitivity.settings import ImageFiles
from closedloop.studies.image_sensitivity.shams import NOISES, OF, TESTS, leave_shard, read_alarms, sham_shards
from closedloop.studies.image_sensitivity.tables import curves_table, sites_table, truth_table


def measure_images(
    study: Study,
    options: ImageSensitivityOptions,
    files: ImageFiles,
    *,
    workers: Workers,
    progress: ProgressCallback,
) -> ImageSensitivityStudy:
    """Analyse a study's images and write settings and tables; stopped and called again, it leaves the same bytes.

    Parameters
    ----------
    study
        A study.
    options
        What was asked for.
    files
        Where results go.
    workers
        Who draws the experiments without an effect; what is found does not depend on it.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    StudyError
        The study has no such images, or is no simulated one and its truth was asked for.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    if options.truth and not study.simulated:
        raise StudyError(f"--truth: expected a simulated study, found {study.path}, a real one. Leave it out.")
    pairs = gather_pairs(study, options.day, truth=options.truth)
    curves = curves_table(pairs)
    document = ImageSensitivityStudy(
        simulated=study.simulated,
        code_version=__version__,
        subject=study.subject,
        protocol=study.protocol.name,
        day=pairs.day,
        shown=pairs.shown,
        epsilons=tuple(np.unique(pairs.epsilon).tolist()),
        n_shams=options.n_shams,
        seed=options.seed,
    )
    document.write(files.settings)
    write_both(files.curves, IMAGE_CURVES, curves, simulated=study.simulated)
    write_both(files.sites, SITE_SLOPES, sites_table(curves), simulated=study.simulated)
    for name, is_asked in ((files.truth, options.truth), (files.shams, options.n_shams)):
        if not is_asked:
            remove_both(name)
    if options.truth:
        write_both(files.truth, TRUE_SLOPES, truth_table(pairs, curves), simulated=True)
    if options.n_shams:
        shams = _shams(study, pairs, options, files, workers=workers, progress=progress)
        write_both(files.shams, SHAM_ALARMS, shams, simulated=study.simulated)
    return document


def _shams(
    study: Study,
    pairs: GatheredPairs,
    options: ImageSensitivityOptions,
    files: ImageFiles,
    *,
    workers: Workers,
    progress: ProgressCallback,
) -> Columns:
    recording = study.protocol.recording
    window_s = (recording.window_stop_ms - recording.window_start_ms) / 1000
    shards = sham_shards(pairs, resolved(files.shards), window_s=window_s, n=options.n_shams, seed=options.seed)
    left = [shard for shard in shards if not shard.path.exists()]

    def report(n_done: int) -> None:
        progress(len(shards) - len(left) + n_done, len(shards))

    report(0)
    run_pieces([shard_piece(leave_shard, shard) for shard in left], workers, report)
    alarms, n = read_alarms(shards)
    rows = [
        {
            "noise": noise,
            "of": of,
            "test": test,
            "n": int(n[i, j, k]),
            "alarms": int(alarms[i, j, k]),
            "rate": alarms[i, j, k] / n[i, j, k] if n[i, j, k] else math.nan,
            **dict(zip(("low", "high"), wilson(int(alarms[i, j, k]), int(n[i, j, k])), strict=True)),
        }
        for i, noise in enumerate(NOISES)
        for j, of in enumerate(OF)
        for k, test in enumerate(TESTS)
    ]
    return as_arrays(rows, SHAM_ALARMS)
