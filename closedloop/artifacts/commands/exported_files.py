"""What an export for other programs leaves beside its files: which of them are whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section


class ExportedFile(Section):
    """A file that was written, inspected, and named."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of its bytes; of a store, of its files' hashes")
    n_bytes: int = Field(ge=0)
    made_from: str = Field(
        pattern="^[0-9a-f]{64}$", description="hash of all that it depends on: equal means that it need not be made"
    )


class ExportedFiles(Document):
    """exported.json: the files of an export, by their names in its folder."""

    kind: Literal["exported_files"] = "exported_files"
    files: dict[str, ExportedFile] = Field(default={}, max_length=100_000)
