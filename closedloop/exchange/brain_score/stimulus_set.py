"""Brain-Score's stimulus set: a CSV with a line an image, and a ZIP of the images, always the same bytes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.access.recorded import RecordedSession
from closedloop.execution.progress import ProgressCallback
from closedloop.stimuli.encoding import png

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a ZIP can say: the time of making would be in the bytes
_FILE_MODE = 0o644 << 16
_NOTHING = "none"  # Brain-Score reads an empty text as a missing number

OF_IMAGE = ("kind", "role", "category", "image_id", "attacked_site", "epsilon")
"""What is said of an image, as exported responses say it of a presentation."""


def stimulus_rows(presentations: Mapping[str, NDArray[Any]]) -> list[dict[str, str]]:
    """Return a row an image that was shown, in the order in which they were first shown, with its file's name.

    An image that came in several roles, clean on one day and an attack's clean twin on another, is one stimulus: its
    row says what it was first.

    Parameters
    ----------
    presentations
        Columns of the presentations that count.
    """
    ids = presentations["stimulus_id"]
    _, first = np.unique(ids, return_index=True)
    return [
        {
            "stimulus_id": str(ids[row]),
            "filename": f"{ids[row]}.png",
            **{name: _text(presentations[name][row].item()) for name in OF_IMAGE},
        }
        for row in np.sort(first).tolist()
    ]


def stimulus_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Return the CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_stimulus_zip(
    stream: BinaryIO, sessions: Sequence[RecordedSession], wanted: Sequence[str], *, progress: ProgressCallback
) -> None:
    """Write images as PNG, pixel for pixel as they were shown, session by session: one's are in memory at a time.

    Parameters
    ----------
    stream
        To write to.
    sessions
        That showed them.
    wanted
        stimulus_ids, all of which some session showed.
    progress
        Called with (images written, all images).
    """
    left = set(wanted)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for session in sessions:
            names = session.study.stimuli(session.day)["stimulus_id"].tolist()
            places = {name: place for place, name in enumerate(names) if name in left}
            if not places:
                continue
            pixels = session.study.images(session.day)
            for name, place in places.items():
                member = zipfile.ZipInfo(f"{name}.png", _EARLIEST)
                member.external_attr = _FILE_MODE
                archive.writestr(member, png(pixels[place]))
                left.remove(name)
                progress(len(wanted) - len(left), len(wanted))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or _NOTHING
