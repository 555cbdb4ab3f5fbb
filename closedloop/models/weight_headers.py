"""What a file of weights says of itself, without torch: whether it is one, its description, the shapes of its tensors.

A wrong file, layer or output is refused from here at once, before seconds of imports and any memory of its size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.errors import CheckpointError, ClosedLoopError
from closedloop.models.shipped import shipped_names
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.storage import open_to_read

METADATA_KEY = "closedloop"  # one key: safetensors writes several in no fixed order
HEADER_LENGTH_BYTES = 8
MOST_HEADER_BYTES = 4 << 20  # ours have 30 kB; the parser takes many times as much memory
SAFETENSORS = ".safetensors"
WRAPPERS = ("module.", "model.")  # DataParallel's, and the robustness library's AttackerModel
SIBLINGS = ("attacker.", "normalizer.")  # the robustness library keeps the network a second time, and its normaliser

_OF_TORCH = (b"PK\x03\x04", b"\x80")  # a zip archive; before torch 1.6 a pickle
_OTHERS = {  # what people give by mistake, by its first bytes
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a pointer of Git LFS, not the file (`git lfs pull` gets it)",
    b"<": "a web page",
}
_SNIFFED_BYTES = 64
_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.conv(\d+)\.weight")


@dataclass(frozen=True)
class WeightHeader:
    """The head of a safetensors file.

    Attributes
    ----------
    described
        What ``write_weights`` put into it; empty in a file of somebody else's.
    shapes
        Of each tensor, by torchvision's keys.
    """

    described: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def layers(self) -> tuple[str, ...]:
        """Where a residual network of these weights can be cut; empty where they are of none."""
        if "conv1.weight" not in self.shapes or not self._blocks:
            return ()
        blocks = [f"layer{stage}.{block}" for stage, block in sorted(self._blocks)]
        return ("stem", *blocks, "avgpool", *(["fc"] if "fc.weight" in self.shapes else []))

    def n_units(self, layer: str) -> int:
        """Return how many channels one of the layers has."""
        if layer in ("stem", "fc"):
            return self.shapes["conv1.weight" if layer == "stem" else "fc.weight"][0]
        if layer == "avgpool":
            return self._blocks[max(self._blocks)]
        stage, block = layer.removeprefix("layer").split(".")
        return self._blocks[int(stage), int(block)]

    @property
    def _blocks(self) -> dict[tuple[int, int], int]:
        """Channels of each block: of its last convolution."""
        found = [(match, shape) for key, shape in self.shapes.items() if (match := _BLOCK.fullmatch(key)) and shape]
        ordered = sorted((int(match[1]), int(match[2]), int(match[3]), shape[0]) for match, shape in found)
        return {(stage, block): n_channels for stage, block, _, n_channels in ordered}


def plain_key(key: str) -> str:
    """Return a key as torchvision has it, without wrappers; empty for a sibling of the network."""
    while key.startswith(WRAPPERS):
        key = key.partition(".")[2]
    return "" if key.startswith(SIBLINGS) else key


def refuse_no_weights(path: Path) -> None:
    """Refuse a path that is no file of weights, by the file's first bytes alone.

    Raises
    ------
    CheckpointError
        There is no such file, or it is something else.
    StorageError
        It cannot be read.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such weight file. {did_you_mean(str(path), shipped_names())}Correct the path, or use a "
            f"shipped base model by its name: {', '.join(shipped_names())}."
        )
    with open_to_read(path) as file:
        head = file.read(_SNIFFED_BYTES)
    is_ours = head[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + 1] == b"{"
    if len(head) <= HEADER_LENGTH_BYTES or (path.suffix == SAFETENSORS and is_ours):
        return  # what else may be wrong with it, who reads it says
    if path.suffix == SAFETENSORS and head.startswith(_OF_TORCH):
        raise CheckpointError(
            f"{path}: expected safetensors, as the name says, found a file of torch's. Let its name end in .pt."
        )
    if is_ours and not head.startswith(_OF_TORCH):
        raise CheckpointError(
            f"{path}: expected a file of torch's by its name, found safetensors. Let its name end in {SAFETENSORS}."
        )
    if not head.startswith(_OF_TORCH):
        raise CheckpointError(
            f"{path}: expected weights (safetensors, or a file that torch.save wrote), found {_kind_of(head)}. Give a "
            "file of weights, or copy it again."
        )


def read_weight_header(path: Path) -> WeightHeader | None:
    """Read the head of a safetensors file; None where it has none, or one that cannot be read: torch's room says why.

    Raises
    ------
    StorageError
        The file cannot be read.
    """
    if path.suffix != SAFETENSORS:
        return None
    with open_to_read(path) as file:
        n_bytes = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        text = file.read(n_bytes) if n_bytes <= MOST_HEADER_BYTES else b""
    try:
        head = parse_json(text, place=str(path), error=CheckpointError)
        own = head.pop("__metadata__", {}).get(METADATA_KEY, "{}")
        described = parse_json(own, place=str(path), error=CheckpointError)
        shapes = {plain_key(key): tuple(map(int, value["shape"])) for key, value in head.items()}
    except (ClosedLoopError, AttributeError, KeyError, TypeError, ValueError):
        return None
    return WeightHeader(described, shapes) if isinstance(described, dict) else None


def _kind_of(head: bytes) -> str:
    known = next((kind for start, kind in _OTHERS.items() if head.startswith(start)), None)
    is_text = all(byte >= 0x20 or byte in b"\t\r\n" for byte in head)
    return known or ("text" if is_text else "bytes of no kind that is known here")
