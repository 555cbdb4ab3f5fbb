"""The files of the page as it is opened from a folder: scripts alone, for a page from a file may read nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.discrimination.experiment import DiscriminationExperiment, OpenExperiment
from closedloop.artifacts.discrimination.rows import SUBJECT_PATTERN
from closedloop.artifacts.tables import Columns
from closedloop.errors import DocumentError
from closedloop.storage import make_folder, read_bytes, write_bytes

_BROWSER: Final = Path(__file__).parent / "browser"
_OF_THE_PAGE: Final = (
    *("index.html", "page.css", "loading.js", "exactness.js", "journal.js", "frames.js", "page.js"),
    *("vendor/jspsych.min.js", "vendor/canvas-keyboard-response.min.js", "vendor/jspsych.LICENSE", "vendor/README.md"),
)


def write_page(
    folder: Path,
    document: DiscriminationExperiment,
    images: NDArray[np.uint8],
    trials: Columns,
    consent: str | None,
) -> None:
    """Write the page.

    Parameters
    ----------
    folder
        Where.
    document
        experiment.json.
    images
        All of them, uint8, (n_images, side, side, 3).
    trials
        Table `DISCRIMINATION_TRIALS`.
    consent
        The laboratory's text; None: none is shown.
    """
    for name in _OF_THE_PAGE:
        make_folder((folder / name).parent)
        write_bytes(folder / name, read_bytes(_BROWSER / name))
    for part in ("images", "sessions"):
        make_folder(folder / part)
    for name, content in _shown(document, images, trials, consent):
        write_bytes(folder / name, content)


def check_page(experiment: OpenExperiment) -> None:
    """Refuse a page that would show other images, orders or another text than the experiment's.

    Raises
    ------
    DocumentError
        A file is missing, or was changed.
    """
    paths = experiment.paths
    consent = read_bytes(paths.consent).decode() if experiment.document.consent_sha256 is not None else None
    for name, content in _shown(experiment.document, experiment.images(), experiment.trials, consent):
        place = paths.page / name
        if not place.is_file() or read_bytes(place) != content:
            raise DocumentError(
                f"{place}: expected what experiment.json says is shown, found another file or none. Restore the folder "
                "from a copy, or prepare it again."
            )


def _shown(
    document: DiscriminationExperiment, images: NDArray[np.uint8], trials: Columns, consent: str | None
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file that says what is shown."""
    said = document.model_dump(
        mode="json",
        include={"simulated", "experiment_id", "code_version", "image_side_px", "n_sessions", "task"},
    )
    said |= {"consent": consent, "subject_pattern": SUBJECT_PATTERN}
    yield "experiment.js", _call("closedloopExperiment", said)
    for name, image in zip(document.stimulus_ids, images, strict=True):
        yield f"images/{name}.js", _call("closedloopImage", name, base64.b64encode(image.tobytes()).decode())
    for number in range(1, document.n_sessions + 1):
        own = trials["session"] == number
        shown = [
            [document.stimulus_ids[one], document.stimulus_ids[two]]
            for one, two in zip(trials["first_index"][own], trials["second_index"][own], strict=True)
        ]
        yield f"sessions/{number:04d}.js", _call("closedloopSession", number, shown)


def _call(function: str, *values: object) -> bytes:
    return f"{function}({', '.join(json.dumps(value) for value in values)});\n".encode()
