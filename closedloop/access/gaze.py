"""Where the eye looked in a session: the rig's samples, and an EyeLink's own, both on the rig's clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closedloop.access.files import PublishedFiles, published_files
from closedloop.access.frames import marks
from closedloop.access.study import Study
from closedloop.alignment.tracker import align_tracker
from closedloop.artifacts import catalog
from closedloop.artifacts.day.gaze.of_session import launch_times, place_gaze
from closedloop.errors import StudyError
from closedloop.eyelink.edf import read_edf, read_edf_samples
from closedloop.eyelink.marks import TrackerMarks

_SIDES = ("left", "right")


def gaze_samples(study: Study, day: int) -> pd.DataFrame:
    """Return every gaze sample that the rig consumed on a day: what fixation was judged by.

    The times are those of ``rig_onset_s`` in `Study.presentations`, in the same launch.

    Parameters
    ----------
    study
        The study.
    day
        Which.

    Returns
    -------
    DataFrame
        A row a sample: ``launch`` (the journal's segment), ``time_s`` on the rig's clock, ``x_deg`` and ``y_deg``,
        degrees right of the fixation point and above it, NaN where the tracker had no eye.

    Raises
    ------
    StudyError
        The session kept none, or the day has not come as far.
    """
    files = published_files(study.path)
    if not files.has(catalog.GAZE, day):
        raise StudyError(
            f"{files.path(catalog.JOURNAL, day).parent}: expected {catalog.GAZE.name}, found that the session kept no "
            "gaze samples. Choose a day with an eye, seen by a rig of December 2026 or later."
        )
    launches = place_gaze(files.read(catalog.GAZE, day), files.read(catalog.JOURNAL, day))
    number = np.array([one.times.launch for one in launches], np.int64)
    columns: dict[str, NDArray[Any]] = {"launch": np.repeat(number, [one.time_s.size for one in launches])}
    for name in ("time_s", "x_deg", "y_deg"):
        columns[name] = np.concatenate([np.empty(0, np.float32), *(getattr(one, name) for one in launches)])
    return _frame(files, columns)


def tracker_samples(study: Study, day: int, name: str) -> pd.DataFrame:
    """Return the samples of an EyeLink's own file, at its own rate, placed on the rig's clock.

    Parameters
    ----------
    study
        The study.
    day
        Which.
    name
        Of the file, as it lies beside the day's journal.

    Returns
    -------
    DataFrame
        A row a sample: ``time_s`` on the rig's clock and ``tracker_s`` on the tracker's; of each eye its place in
        screen pixels from the upper left corner (``x_left``, ``y_left``, ``x_right``, ``y_right``) and its pupil
        (``pupil_left``, ``pupil_right``) in the tracker's unit; NaN where it was not tracked, or lost.
        ``attrs`` has ``launch``, ``drift_ppm``, ``residual_95_ms``, ``n_matched`` and ``n_received`` messages.

    Raises
    ------
    StudyError
        The session has no such file, or the day has not come as far.
    RecordingError
        The file is damaged.
    AlignmentError
        Too few of its messages are those of the journal.
    """
    files = published_files(study.path)
    path = files.path(catalog.JOURNAL, day).with_name(name)
    if name not in files.manifest(day, "present").outputs or not path.is_file():
        raise StudyError(f"{path}: expected a file that was sealed with the session, found none. Correct the name.")
    sent = [TrackerMarks(one.trial, one.trial_s, *one.codes) for one in launch_times(files.read(catalog.JOURNAL, day))]
    clock = align_tracker(read_edf(path).marks, sent, place=str(path))
    samples = read_edf_samples(path)
    columns: dict[str, NDArray[Any]] = {"time_s": clock.rig_s(samples.time_s), "tracker_s": samples.time_s}
    for eye, side in enumerate(_SIDES):
        columns |= {f"{what}_{side}": getattr(samples, what)[eye] for what in ("x", "y", "pupil")}
    frame = _frame(files, columns)
    frame.attrs |= {
        "launch": clock.launch,
        "drift_ppm": clock.fit.drift_ppm,
        "residual_95_ms": clock.residual_95_ms,
        "n_matched": clock.n_matched,
        "n_received": clock.n_received,
    }
    return frame


def _frame(files: PublishedFiles, columns: dict[str, NDArray[Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.attrs = marks(files)
    return frame
