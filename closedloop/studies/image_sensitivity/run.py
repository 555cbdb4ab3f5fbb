"""The study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

import math
from pathlib import Path

from closedloop.access.opening import open_study
from closedloop.access.study import Study
from closedloop.artifacts.day.evaluation import IMAGE_CURVES
from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.engine.devices import own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.report import drawing
from closedloop.report.single_images.figures import figure_3b
from closedloop.report.single_images.numbers import SiteImages, images_by_site, typical_site
from closedloop.storage import write_bytes
from closedloop.studies.image_sensitivity.asked import ImageSensitivityOptions
from closedloop.studies.image_sensitivity.documents import SHAM_ALARMS, TRUE_SLOPES
from closedloop.studies.image_sensitivity.measure import measure_images
from closedloop.studies.image_sensitivity.page import images_page
from closedloop.studies.image_sensitivity.settings import PROTOCOL, ImageFiles
from closedloop.studies.image_sensitivity.sites import SiteCurves, site_curves
from closedloop.studies.made_study import make_study

_MOST_LINES = 25


def find_study(options: ImageSensitivityOptions, out: Path, *, workers: str | None) -> Path:
    """Return the folder of the study that is analysed; a simulated one is made where none was given.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        Who computes, as ``--workers`` takes it; None for this machine.

    Raises
    ------
    ExecutionError
        The simulated study failed.
    """
    if options.study is not None:
        return options.study
    return make_study(ImageFiles(out).made, protocol=PROTOCOL, workers=workers)


def run_study(
    options: ImageSensitivityOptions, study: Path, out: Path, *, workers: str | None, progress: ProgressCallback
) -> list[str]:
    """Analyse, write tables, figures and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    study
        The study's folder.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    StudyError, DocumentError
        The study cannot be read, or has no such images.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    files, opened = ImageFiles(out), open_study(study)
    who = own_workers() if workers is None else parse_workers(workers)
    document = measure_images(opened, options, files, workers=who, progress=progress)
    curves = read_table(files.curves, IMAGE_CURVES)
    shams = read_table(files.shams, SHAM_ALARMS) if options.n_shams else None
    truth = read_table(files.truth, TRUE_SLOPES) if options.truth else None
    found, sites = images_by_site(curves), site_curves(opened, document.day)
    with drawing.style():
        figure = figure_3b(curves, (typical_site(found),))
    write_bytes(out / "figure_3b.svg", drawing.svg(figure))
    write_bytes(out / "figure_3b.png", drawing.png(figure))
    write_bytes(files.page, images_page(document, curves, shams, truth, sites, command=options.command()))
    return [*_summary(opened, found, sites, shams), f"Open {files.page}"]


def _summary(study: Study, found: tuple[SiteImages, ...], sites: SiteCurves | None, shams: Columns | None) -> list[str]:
    width = max(len(one.neuroid_id) for one in found)
    lines = [f"{'SIMULATED ' if study.simulated else ''}{study.subject}, protocol {study.protocol.name}"]
    lines.append(f"{'site':{width}}  images  showings  mean slope  images p < .05  after Holm  true SD of slopes")
    for one in found[:_MOST_LINES]:
        low, high = one.spread.interval
        lines.append(
            f"{one.neuroid_id:{width}}  {len(one.marks):6d}  {one.n_changed:8d}  {one.slope:10.3f}  "
            f"{one.n_positive:7d} of {one.n_images:<4d} {one.n_positive_corrected:10d}  "
            + (f"{one.spread.sd:.3f} [{low:.3f}, {high:.3f}]" if math.isfinite(low) else "not known")
        )
    if sites and sites.marks:
        marks = [mark for mark in sites.marks.values() if mark != "untested"]
        sure = sum(mark != "no" for mark in marks)
        lines.append(
            f"Sites with a significantly positive slope over their images: {sure} of {len(marks)}, "
            f"{marks.count('corrected')} after Holm over the sites."
        )
    if shams is not None:
        rates = {(n, o, t): r for n, o, t, r in zip(*(shams[k] for k in ("noise", "of", "test", "rate")), strict=True)}
        lines.append(
            "Without any effect an image's test rings in "
            f"{100 * rates['counts', 'image', 'any']:.1f} % (drawn counts) and "
            f"{100 * rates['repetitions', 'image', 'any']:.1f} % (own repetitions)."
        )
    return lines
