"""Files that lie beside a recording and hold none of it: what they are, in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from closedloop.blackrock.header_fields import readable
from closedloop.blackrock.nev.layout import NEV_FILE_IDS
from closedloop.blackrock.nsx.layout import NSX_FILE_IDS

_HEAD_BYTES, _ID_BYTES = 4096, 8
_BINARY_CCF = b"cbCCF "  # Central up to 3.9; later ones write XML with the root CCF
_XML_CCF = re.compile(rb"<CCF\b([^>]*)>")
_VERSION = re.compile(rb"Version\s*=\s*[\"'](\d+)")


@dataclass(frozen=True)
class Companion:
    """A file that is no recording.

    `kind` is "ccf", "cmp" or "sif"; `what` says what it is, in the words of a sentence without an end.
    """

    kind: str
    what: str


def companion_of(file: Path) -> Companion | None:
    """Tell what a file beside a recording is, by its content or its name; None for any other.

    Raises
    ------
    RecordingError
        The file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from closedloop.blackrock.companions import companion_of
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.ccf"
    ...     _ = file.write_bytes(b'<?xml version="1.0"?><CCF Version="12"></CCF>')
    ...     companion_of(file).kind
    'ccf'
    """
    head = _head(file)
    if head[:_ID_BYTES] in NSX_FILE_IDS | NEV_FILE_IDS:
        return None  # a recording, whatever its name
    form = _ccf_form(head)
    if form is not None or file.suffix.lower() == ".ccf":
        return Companion(
            "ccf",
            f"Central's configuration file{f' ({form})' if form else ''}: channels, filters, thresholds and spike "
            "sorting as they were set; it holds no recording",
        )
    if file.suffix.lower() == ".cmp":
        return Companion(
            "cmp", "an array map: where each electrode lies; `closedloop recording map` shows it; it holds no recording"
        )
    if file.suffix.lower() == ".sif":
        return Companion("sif", "Central's session information (institution, subject); it holds no recording")
    return None


def _ccf_form(head: bytes) -> str | None:
    """Return how a configuration file is written; None for any other file."""
    if head.startswith(_BINARY_CCF):
        return "binary, of Central to 3.9"
    root = _XML_CCF.search(head)
    if root is None:
        return None
    version = _VERSION.search(root.group(1))
    return f"XML, version {version.group(1).decode()}" if version else "XML"


def _head(file: Path) -> bytes:
    with readable(file), file.open("rb") as stream:
        return stream.read(_HEAD_BYTES)
