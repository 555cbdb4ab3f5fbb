"""What the rig and the recorder leave of a session, read together: the journal, alignment, detection."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from closedloop.artifacts.day.doubts import doubts_of, unvouched
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.align import align_files, session_as_json, session_lines
from closedloop.commands.recording_files.detect import detect_to_file, spikes_lines
from closedloop.commands.recording_files.detection_wanted import WantedSpikes
from closedloop.commands.recording_files.options import ALL_CHANNELS, ALL_TIME
from closedloop.detection.definitions import DEFINITIONS
from closedloop.simulation.sessions import MadeSession, make_session
from tools.fuzz.mutations import spoil_bytes
from tools.fuzz.reader import Reader
from tools.fuzz.readers.journals import spoil_journal

_SHORT_S = 4.0
_START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def _nothing(_done: int, _total: int) -> None:
    pass


def make_journals(folder: Path) -> None:
    """Write journals of short simulated sessions."""
    own = folder / "made"
    make_session(own, MadeSession(seconds=_SHORT_S, n_channels=1), progress=_nothing)
    (own / "journal.jsonl").rename(folder / "journal.jsonl")
    for path in own.iterdir():
        path.unlink()
    own.rmdir()


def read_journal_file(file: Path) -> None:
    """Read and check a journal, and say what it does not vouch for."""
    journal = read_journal(file)
    check_journal(journal, file)
    doubts_of(journal)
    unvouched(journal)


def make_sessions(folder: Path) -> None:
    """Write short simulated sessions: the journal, and a recorder's files of two specifications."""
    for specification in ("2.3", "3.0-ptp"):
        own = folder / f"session-{specification}"
        make_session(own, MadeSession(specification, seconds=_SHORT_S, n_channels=1), progress=_nothing)
        (own / "truth.parquet").unlink()


def read_session(folder: Path) -> None:
    """Align a session's files, as `closedloop recording align` does, but for the page."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix != ".jsonl"]
    session = align_files(folder / "journal.jsonl", files, photodiode=None, progress=_nothing)
    session_lines(session)
    session_as_json(session)


def make_voltage(folder: Path) -> None:
    """Write a second of voltage on two electrodes, whole and with pauses."""
    noise = np.random.default_rng(0).normal(0, 40, (6_000, 2)).astype(np.int16)
    noise[500::700] -= 400
    channels = (NsxChannel(1, "elec1"), NsxChannel(2, "elec2"))
    for specification, step in (("2.3", 1), ("3.0-ptp", 33_333)):
        pieces = [(0, noise[:3_000]), (5_000 * step, noise[3_000:])]
        file = folder / f"voltage-{specification}.ns6"
        write_nsx(file, channels, rate_hz=30_000, specification=specification, chunks=pieces, start=_START)


def read_voltage(file: Path) -> None:
    """Detect threshold crossings, as `closedloop recording detect` does."""
    with TemporaryDirectory() as name:
        wanted = WantedSpikes(DEFINITIONS["dicarlo"], ALL_CHANNELS, ALL_TIME)
        out = Path(name, "spikes.h5")
        spikes_lines(detect_to_file([file], out, wanted=wanted, workers="1", chunk_s=None, progress=_nothing))


READERS = (
    Reader("journal", make_journals, read_journal_file, {"*": spoil_journal}, share=2),
    Reader("align", make_sessions, read_session, {"*.jsonl": spoil_journal, "*": spoil_bytes}, share=0.5),
    Reader("detect", make_voltage, read_voltage, share=0.5),
)
