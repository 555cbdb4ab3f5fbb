"""What a study's pages were drawn from, and what was drawn: both by hash."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document


class PagesRecord(Document):
    """report.json: written after the pages; equal hashes mean nothing to draw."""

    kind: Literal["pages"] = "pages"
    code_version: str = Field(description="closedloop that drew the pages")
    drawn_from: dict[str, str] = Field(
        description="sha256 of the study's documents and manifests, by path in the study"
    )
    files: dict[str, str] = Field(description="sha256 by name in the report's folder")
