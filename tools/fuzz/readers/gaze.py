"""Where an eye looked: the rig's own samples, and an EyeLink's file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from closedloop.artifacts.day.gaze.layout import BEGINS, ENDS, GazeHeader, mark_bytes, sample_bytes
from closedloop.artifacts.day.gaze.records import read_gaze
from closedloop.eyelink.edf import read_edf, read_edf_samples
from tools.fuzz.reader import Reader

_N_SAMPLES = 400
_EDF = "test_raw.edf"  # of eyelinkio's own tests


def make_samples(folder: Path) -> None:
    """Write samples of two launches, the first cut, and some without an eye."""
    header = GazeHeader(simulated=False, session_id="0123abcd-day-00").to_header()
    samples = [sample_bytes(10 + 0.002 * n, (0.01 * n, -0.5) if n % 9 else None) for n in range(_N_SAMPLES)]
    launches = [mark_bytes(0, BEGINS), *samples, mark_bytes(1, BEGINS), *samples, mark_bytes(1, ENDS)]
    (folder / "gaze.bin").write_bytes(header + b"".join(launches))


def read_samples(path: Path) -> None:
    """Read samples to their end."""
    for launch in read_gaze(path).launches:
        launch.x_deg.sum()
        launch.time_s.sum()


def make_edf(folder: Path) -> None:
    """Copy a recorded file that eyelinkio ships."""
    spec = find_spec("eyelinkio")
    if spec is None or spec.origin is None:
        raise RuntimeError("eyelinkio: expected an installed library, found none. pip install 'closedloop[lab]'")
    (folder / "tracker.edf").write_bytes((Path(spec.origin).parent / "tests" / "data" / _EDF).read_bytes())


def read_tracker_file(path: Path) -> None:
    """Read an EDF as adoption does, and its samples as the library does."""
    read_edf(path)
    read_edf_samples(path)


READERS = (
    Reader("gaze", make_samples, read_samples, share=0.5),
    Reader("edf", make_edf, read_tracker_file, share=0.05),
)
