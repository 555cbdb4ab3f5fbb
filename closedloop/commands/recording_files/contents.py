"""Files that hold headers and nothing else: what a recorder leaves that is stopped at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.blackrock.nev.survey import NevSurvey
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment

_WHY = "found headers alone: the recorder was stopped at once, or the copy broke off. Give a file that was recorded."


def refuse_without_samples(file: Path, segments: Sequence[Segment]) -> None:
    """Refuse an NSx without a sample.

    Raises
    ------
    RecordingError
        It has none.
    """
    if not segments:
        raise RecordingError(f"{file}: expected samples, {_WHY}")


def clock_segments_by(nsx_file: Path | None) -> tuple[Segment, ...] | None:
    """Return the segments of the NSx whose clock segments are to be used; None where none is given.

    Raises
    ------
    RecordingError
        The file cannot be read, or has no sample.
    """
    if nsx_file is None:
        return None
    segments = read_nsx_header(nsx_file).segments
    refuse_without_samples(nsx_file, segments)
    return segments


def refuse_without_packets(survey: NevSurvey) -> None:
    """Refuse a NEV without a packet.

    Raises
    ------
    RecordingError
        It has none.
    """
    if not survey.header.n_packets:
        raise RecordingError(f"{survey.file}: expected packets, {_WHY}")
