"""`closedloop analyse`: reads the file, analyses it, compares networks where there are images, writes the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.imported.laboratory import DatasetNames
from closedloop.artifacts.tables import read_table
from closedloop.errors import OptionError, StudyError
from closedloop.exchange.reading.any_file import parse_window, read_responses_file
from closedloop.exchange.reading.responses import FileResponses
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import command_line
from closedloop.report import drawing
from closedloop.stages.imported.taken import files_of_images
from closedloop.stimuli.decoding import load_square
from closedloop.storage import sha256_file
from closedloop.studies.analysed_file.measure import analyse_file, clean_of_file, shown_repeatedly
from closedloop.studies.analysed_file.page import Predicted
from closedloop.studies.analysed_file.run import write_analysis
from closedloop.studies.analysed_file.settings import AnalysisFiles
from closedloop.studies.places import alone_in, check_places
from closedloop.studies.screening.asked import ScreenedNetwork, ScreeningOptions, screened_networks

_SIDE_PX = 224  # of pictures, where a network does not say


@dataclass(frozen=True)
class AnalysisRequest:
    """What is asked for.

    Attributes
    ----------
    file, out
        What to analyse, and the folder for the results.
    images
        Folder of the pictures; None: those of the file, if it has any.
    networks
        As ``--base-model`` takes them; none: the default ones.
    stimuli
        Table of categories.
    window
        As ``--window`` takes it.
    datasets
        Of an HDF5 file: responses, images' names, sites' names.
    axes
        Of the responses.
    seed
        Of all draws.
    """

    file: Path
    out: Path
    images: Path | None
    networks: tuple[str, ...]
    stimuli: Path | None
    window: str | None
    datasets: tuple[str | None, str | None, str | None]
    axes: tuple[str, ...]
    seed: int


def run_analysis(request: AnalysisRequest, *, workers: str | None, device: str) -> list[str]:
    """Analyse a file, and write tables, figures and page; return what to tell the user.

    Parameters
    ----------
    request
        What is asked for.
    workers
        Who compares networks; None for this machine.
    device
        Where.

    Raises
    ------
    ClosedLoopError
        The file holds no responses, an image is missing, a network cannot be used, the disk is full.
    """
    check_places(request.out, workers=workers)
    window = parse_window(request.window) if request.window is not None else None
    networks = screened_networks(_screening_options(request))
    found = read_responses_file(
        request.file,
        names=DatasetNames(*request.datasets, request.axes, images_option="--image-names"),
        window_ms=window,
        stimuli=request.stimuli,
    )
    if request.networks and request.images is None and found.pixels is None:
        raise OptionError("--base-model: expected pictures beside it, found none. Add --images FOLDER.")
    with alone_in(request.out, "analysed_file"):
        with bar("halves of the images") as progress:
            analysis = analyse_file(
                found,
                source=request.file.name,
                sha256=sha256_file(request.file),
                seed=request.seed,
                progress=progress,
            )
        predicted, without = None, ""
        if request.images is not None or found.pixels is not None:
            try:
                predicted = _compare(request, found, networks, workers=workers, device=device)
            except StudyError as error:
                without = f"Networks were not compared. {error}"
        return write_analysis(analysis, predicted, request.out, command=_command(request), without=without)


def _compare(
    request: AnalysisRequest,
    found: FileResponses,
    networks: tuple[ScreenedNetwork, ...],
    *,
    workers: str | None,
    device: str,
) -> Predicted:
    """Compare networks on the clean images, by what needs no other images, and return what the page shows of it.

    Raises
    ------
    StudyError
        Too few images have responses that repeat themselves.
    """
    from closedloop.attacks.engine.devices import check_device, own_workers  # noqa: PLC0415 - torch
    from closedloop.execution.workers import parse_workers  # noqa: PLC0415
    from closedloop.studies.screening.documents import (  # noqa: PLC0415
        SCREENING_CELLS,
        SCREENING_NETWORKS,
        SCREENING_SITES,
    )
    from closedloop.studies.screening.measure import Screening, screen  # noqa: PLC0415
    from closedloop.studies.screening.page import compared_sections  # noqa: PLC0415
    from closedloop.studies.screening.report import write_screening_report  # noqa: PLC0415
    from closedloop.studies.screening.responses import SUBJECT_SEED, ImageResponses  # noqa: PLC0415
    from closedloop.studies.screening.run import summary_lines  # noqa: PLC0415
    from closedloop.studies.screening.settings import ScreeningFiles, ScreeningSettings  # noqa: PLC0415
    from closedloop.studies.screening.systems import cells_of  # noqa: PLC0415
    from closedloop.studies.simulated_subject import StudySubject  # noqa: PLC0415

    check_device(device)
    clean = shown_repeatedly(clean_of_file(found))
    side_px = cells_of(networks[:1], side_px=_SIDE_PX, seed=0)[0].source.side_px
    responses = ImageResponses(
        clean.names,
        _pixels(request, found, clean.names, clean.kept, side_px=side_px),
        clean.rates,
        clean.image_index,
        found.sites,
        simulated=found.simulated,
        origin=f"{request.file.name}, {found.format}",
    )
    settings = ScreeningSettings(epsilons=(), n_attacked=0, seed=request.seed)
    files = ScreeningFiles(AnalysisFiles(request.out).screening)
    screening = Screening(networks, None, responses, None, StudySubject("none", SUBJECT_SEED), settings)
    who = own_workers() if workers is None else parse_workers(workers)
    with bar("comparing networks") as progress:
        document = screen(screening, files.folder, workers=who, device=device, progress=progress)
    write_screening_report(files.folder, command=_command(request))
    cells, of_networks = read_table(files.cells, SCREENING_CELLS), read_table(files.networks, SCREENING_NETWORKS)
    with drawing.style():
        sections = compared_sections(document, cells, of_networks)
    lines = tuple(summary_lines(of_networks))
    return Predicted(sections, read_table(files.sites, SCREENING_SITES), document.n_images, lines)


def _pixels(
    request: AnalysisRequest,
    found: FileResponses,
    names: tuple[str, ...],
    kept: NDArray[np.int64],
    *,
    side_px: int,
) -> NDArray[np.uint8]:
    """Return the clean images: the file's own, or of the folder, brought to a side."""
    if request.images is None and found.pixels is not None:
        return found.pixels[kept]
    folder = request.images if request.images is not None else request.file.parent
    places = files_of_images(names, folder, file=request.file, option="--images")
    pixels = np.empty((len(places), side_px, side_px, 3), dtype=np.uint8)
    with bar("reading the images") as progress:
        for number, place in enumerate(places):
            pixels[number] = load_square(place, side_px=side_px)
            progress(number + 1, len(places))
    return pixels


def _screening_options(request: AnalysisRequest) -> ScreeningOptions:
    return ScreeningOptions(
        networks=request.networks,
        family=None,
        architecture=None,
        study=None,
        responses=None,
        transfer=None,
        subject="none",
        epsilons=(),
        n_attacked=0,
        repetitions=0,
        n_clean=0,
        seed=request.seed,
    )


def _command(request: AnalysisRequest) -> str:
    """Return the command line that does the same."""
    responses, image_names, neuroids = request.datasets
    given = {
        "--images": request.images,
        "--stimuli": request.stimuli,
        "--window": request.window,
        "--responses": responses,
        "--image-names": image_names,
        "--neuroids": neuroids,
        "--axes": ",".join(request.axes) or None,
        "--seed": request.seed or None,
    }
    words = [part for network in request.networks for part in ("--base-model", network)]
    words += [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return command_line("closedloop", "analyse", request.file.name, *words, "--out", "FOLDER")
