"""A screening from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.engine.devices import check_device, own_workers
from closedloop.attacks.epsilons import parse_epsilons
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.studies.places import study_command
from closedloop.studies.screening.asked import ScreeningOptions, check_options, screened_networks
from closedloop.studies.screening.documents import SCREENING_NETWORKS
from closedloop.studies.screening.measure import Screening, screen
from closedloop.studies.screening.report import write_screening_report
from closedloop.studies.screening.responses import SUBJECT_SEED
from closedloop.studies.screening.settings import TRANSFER, ScreeningFiles, ScreeningSettings
from closedloop.studies.simulated_subject import StudySubject


def run_study(
    options: ScreeningOptions, out: Path, *, workers: str | None, device: str, progress: ProgressCallback
) -> list[str]:
    """Compare, write tables, figures and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    device
        auto, cpu, cuda, or the name of one device.
    progress
        Called with (work done, in total).

    Raises
    ------
    OptionError, CheckpointError, ProtocolError, StudyError, DocumentError, ImageError
        Something that was named cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    check_options(options, out, workers=workers)
    check_device(device)
    who = own_workers() if workers is None else parse_workers(workers)
    document = screen(resolve(options), out, workers=who, device=device, progress=progress)
    page = write_screening_report(out, command=screening_command(options))
    files = ScreeningFiles(out)
    lines = summary_lines(read_table(files.networks, SCREENING_NETWORKS))
    if document.transfer == "not shown":
        lines.append(
            f"{files.stimuli}: the layer-targeted images. Show them, clean ones and all, in one session, and add "
            "--transfer TABLE (columns image, repetition and one for each site) to this command."
        )
    return [*lines, f"Open {page}"]


def resolve(options: ScreeningOptions) -> Screening:
    """Return the screening that the options ask for."""
    return Screening(
        networks=screened_networks(options),
        study=options.study,
        responses=options.responses,
        transfer=options.transfer,
        subject=StudySubject(options.subject, SUBJECT_SEED),
        settings=ScreeningSettings(
            n_clean=options.n_clean,
            epsilons=parse_epsilons(options.epsilons),
            n_attacked=options.n_attacked,
            repetitions=options.repetitions,
            seed=options.seed,
        ),
    )


def screening_command(options: ScreeningOptions) -> str:
    """Return the command line that asks for the same."""
    given = {
        "--networks": options.family,
        "--architecture": options.architecture,
        "--study": options.study,
        "--responses": options.responses,
        "--transfer": options.transfer,
        "--subject": options.subject if options.study is None and options.responses is None else None,
        "--epsilon": ",".join(options.epsilons),
        "--attacked-images": options.n_attacked,
        "--repetitions": options.repetitions if options.study is None and options.responses is None else None,
        "--clean-images": options.n_clean,
        "--seed": options.seed,
    }
    parts = list[str]()
    parts += [part for network in options.networks for part in ("--network", network)]
    parts += [part for option, value in given.items() if value is not None for part in (option, str(value))]
    return study_command("screening", *parts)


def summary_lines(networks: Columns) -> list[str]:
    """Return the networks' order by each criterion as text, a line each."""
    lines = []
    for place in range(len(networks["rank"])):
        row = {name: column[place] for name, column in networks.items()}
        if row["rank"] == 1:
            lines.append(f"{row['criterion']} at epsilon {row['epsilon']:g}" if row["epsilon"] else row["criterion"])
        above = f"above {row['below']}" if row["difference_low"] > 0 else f"not told from {row['below']}"
        interval = f"[{row['low']:.3f}, {row['high']:.3f}]" if np.isfinite(row["low"]) else "(no interval)"
        lines.append(
            f"  {row['rank']}. {row['network']}, {row['layer']}: {row['value']:.3f} {interval}"
            + (f", {above}" if row["below"] else "")
        )
    unit = ", root mean square change in SDs" if np.any(networks["criterion"] == TRANSFER) else ""
    return [*lines, f"Each network's best layer, with its 95 % interval over images{unit}."]
