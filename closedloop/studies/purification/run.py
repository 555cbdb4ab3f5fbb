"""The study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from closedloop.artifacts.naming import generator
from closedloop.artifacts.tables import read_table
from closedloop.attacks.engine.devices import own_workers
from closedloop.defenses.labelled import read_labelled
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.storage import resolved, write_bytes
from closedloop.studies.files import remove_both, write_both
from closedloop.studies.purification.asked import PurificationOptions, check_options
from closedloop.studies.purification.documents import DEFENSE_ACCURACY, SITE_RETURN, PurificationStudy
from closedloop.studies.purification.measure import measure_defenses
from closedloop.studies.purification.page.pictures import picture_rows
from closedloop.studies.purification.page.sections import percent_of, rate_of, verdict
from closedloop.studies.purification.page.whole import purification_page
from closedloop.studies.purification.settings import (
    ADAPTIVE,
    ATTACKS,
    CLEAN,
    DEFENSES,
    WORST,
    AttackSettings,
    PurificationFiles,
    PurificationSettings,
)
from closedloop.studies.purification.sites.measure import sites_table
from closedloop.studies.purification.sites.plan import plan_sites, site_phase
from closedloop.studies.purification.sites.section import sites_verdict

_SHOWN = 6


def run_study(options: PurificationOptions, out: Path, *, workers: str | None, progress: ProgressCallback) -> list[str]:
    """Train, attack, write tables and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    progress
        Called with (work done, in total).

    Raises
    ------
    ImageError
        The data cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    check_options(options, out, workers=workers)
    draw_of = partial(generator, options.seed, "purification")
    numbers = {"n_train": options.n_train, "n_test": options.n_test}
    data = read_labelled(options.data, seed=options.seed, draw_of=draw_of, **numbers)
    settings = PurificationSettings(options.epochs, AttackSettings(options.recalls, options.seed))
    who = own_workers() if workers is None else parse_workers(workers)
    files = PurificationFiles(out)
    question = plan_sites(resolved(files.shards), seed=options.seed) if options.with_sites else None
    networks = measure_defenses(
        data,
        settings,
        out,
        workers=who,
        progress=progress,
        has_sites=options.with_sites,
        more=() if question is None else (site_phase(question),),
    )
    if question is None:
        remove_both(files.sites)
    else:
        write_both(files.sites, SITE_RETURN, sites_table(*question), simulated=True)
    rows = picture_rows(data, networks, settings.attacks, radius=settings.attacks.radii[1], n_images=_SHOWN)
    write_bytes(files.page, purification_page(files, rows, question, command=options.command()))
    return [*_summary(files, has_sites=question is not None), f"Open {files.page}"]


def _summary(files: PurificationFiles, *, has_sites: bool) -> list[str]:
    """Return the accuracies as text, a line an attack and radius, a column a defence, and what follows from them."""
    document, table = PurificationStudy.read(files.settings), read_table(files.accuracy, DEFENSE_ACCURACY)
    shown = [(CLEAN, 0.0)]
    shown += [(attack, radius) for radius in document.radii for attack in ("fgsm", "pgd", "deepfool", ADAPTIVE, WORST)]
    width = max(len(name) for name in DEFENSES.values()) + 2
    lines = [f"{document.data}: {document.n_train:,} images to train on, {document.n_test:,} attacked."]
    if document.n_repeated:
        lines.append(f"{document.n_repeated:,} images are not attacked, as they are among those that are trained on.")
    lines.append("")
    lines.append(f"{'right answers (%)':24}" + "".join(f"{name:>{width}}" for name in DEFENSES.values()))
    for attack, radius in shown:
        name = {CLEAN: "clean", ADAPTIVE: "adaptive", WORST: "worst of all"}.get(attack) or ATTACKS[attack]
        cells = [percent_of(rate_of(table, defense, attack, radius)) for defense in DEFENSES]
        lines.append(
            f"{name + (f', ε = {radius:g}' if radius else ''):24}" + "".join(f"{cell:>{width}}" for cell in cells)
        )
    lines += ["", verdict(document, table)]
    return [*lines, sites_verdict(read_table(files.sites, SITE_RETURN))] if has_sites else lines
