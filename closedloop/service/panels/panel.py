"""What every panel of the page has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, runtime_checkable
from typing import Protocol as Port

from closedloop.artifacts.study import StudyPaths


class PagePanel(Port):
    """A module that reads one part of the page from a study's published files, journals and notes."""

    NAME: str
    TITLE: str

    def read(self, paths: StudyPaths) -> Any:
        """Return what the panel shows now, a frozen dataclass; files that are damaged or half written are said in it.

        It is asked every few seconds: what did not change on disk must not be read again (see `unchanged.py`).
        """


@runtime_checkable
class AskedPanel(Port):
    """A panel with filters, or with pages."""

    def read_asked(self, paths: StudyPaths, asked: Mapping[str, str]) -> Any:
        """Return what a person asked for in words of an address; a word that means nothing is none."""


@runtime_checkable
class PicturePanel(Port):
    """A panel that shows pictures."""

    def picture(self, paths: StudyPaths, key: str) -> bytes | None:
        """Return a PNG by a key that the panel's own data names, never by a path; None where there is none."""
