"""The text of a NEV's comments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.packets import packet_bytes_at

# NEV 2.3 specification, comment packet: 0 is ANSI, 1 UTF-16; 255 are NeuroMotive's regions of interest, in ANSI.
_ENCODINGS = {1: "utf_16_le"}
_ANSI = "cp1252"


@dataclass(frozen=True)
class Comments:
    """Comments in order of epoch and tick, shape (n,) each."""

    epoch: NDArray[np.uint16]
    tick: NDArray[np.int64]
    text: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tick)


def read_texts(file: Path, header: NevHeader, index: NDArray[np.int64]) -> tuple[str, ...]:
    """Read the texts of comment packets, by their index in the file."""
    dtype = header.layout.comment_packet(header.packet_bytes)
    rows = (np.frombuffer(raw, dtype)[0] for raw in packet_bytes_at(file, header, index))
    return tuple(comment_text(row["text"].tobytes(), int(row["charset"])) for row in rows)


def comment_text(data: bytes, charset: int) -> str:
    """Decode a comment up to its first NUL character; what is no text becomes the replacement character."""
    encoding = _ENCODINGS.get(charset, _ANSI)
    whole = data[: len(data) // 2 * 2] if encoding == "utf_16_le" else data
    return whole.decode(encoding, errors="replace").split("\0", 1)[0].lstrip("\ufeff")
