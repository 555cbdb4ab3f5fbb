"""How neo is asked: one file at a time, and every failure of its becomes one line.

neo looks at all files of the same stem (another block count, specification or a broken neighbour stops it), cuts
extensions wherever they occur in the path, and takes ``.NS6`` for no file. So it is shown one link in a folder of
its own.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from neo.core import NeoReadWriteError
from neo.rawio import BlackrockRawIO
from numpy.typing import NDArray

from closedloop.errors import RecordingError

NEO_FAILURES = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError, NeoReadWriteError)


@contextmanager
def alone_for_neo(file: Path, extension: str) -> Iterator[Path]:
    """Show `file` to neo under a neutral stem without neighbours, for the length of the context."""
    with tempfile.TemporaryDirectory(prefix="closedloop-neo-") as folder:
        link = Path(folder) / f"recording{extension}"
        link.symlink_to(file.resolve())
        yield link.with_suffix("")


@contextmanager
def neo_failures(file: Path) -> Iterator[None]:
    """Turn whatever neo raises into a RecordingError of one line."""
    try:
        yield
    except NEO_FAILURES as error:
        reason = " ".join(str(error).split())[:200]
        raise RecordingError(
            f"{file}: expected a file that neo reads, found {type(error).__name__}: {reason}. "
            "Run `closedloop recording info` on it and copy it again if it is damaged."
        ) from error


@contextmanager
def nsx_reader(stem: Path, number: int) -> Iterator[BlackrockRawIO]:
    """Parse ``stem.nsN`` alone, without the events, and close neo's own file at the end."""
    reader = BlackrockRawIO(filename=str(stem), nsx_to_load=number, load_nev=False)
    try:
        reader.parse_header()
        yield reader
    finally:
        for stream in getattr(reader, "_nsx_fids", {}).values():
            stream.close()


def read_nev_packets(stem: Path) -> dict[str, NDArray[np.void]]:
    """Read all packets of ``stem.nev`` as neo types them: "Spikes", "NonNeural", "Comments" and others.

    The three steps of neo's own header parsing that read the file are called one by one. The fourth, which looks for
    the units of each electrode, passes over all spikes once an electrode: 4 of 5 CPU-s for 3 M packets and 96
    electrodes (measured).
    """
    reader = BlackrockRawIO(filename=str(stem))
    specification = reader._extract_nev_file_spec()
    reader._nev_basic_header, _ = reader._read_nev_header(specification, f"{stem}.nev")
    with warnings.catch_warnings():
        # Said of time stamps out of order, which only moves segment numbers; the caller has looked at them itself.
        warnings.filterwarnings("ignore", message="Detected .* undocumented segments")
        return {kind: rows for kind, (rows, _) in reader._read_nev_data(specification, f"{stem}.nev").items()}
