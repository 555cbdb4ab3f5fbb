"""A page of some studies, served as `closedloop serve` does, and who asks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import StudyError
from closedloop.service.control import Control
from closedloop.service.panels import PANELS
from closedloop.service.panels.panel import PagePanel
from closedloop.service.web.app import create_app
from closedloop.service.web.events import ReadingPace
from closedloop.service.web.security import TOKEN_HEADER
from closedloop.service.web.serving import serving

TOKEN = "a token of this test"
WITH_TOKEN = {TOKEN_HEADER: TOKEN}
QUICK = ReadingPace(shortest_s=0.02, longest_s=0.02, heartbeat_s=0.1)


@dataclass
class Notebook:
    """A control that writes down what it was asked for; `refuses` is what it says instead."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    refuses: str = ""

    def approve(self, paths: StudyPaths, *, session: Block, gate: str, found: str, by: str, reason: str) -> str:
        return self._note("approve", paths.root, session, gate, found, by, reason)

    def hold(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        return self._note("hold", paths.root, by, reason)

    def release(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        return self._note("release", paths.root, by, reason)

    def retry(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        return self._note("retry", paths.root, by, reason)

    def _note(self, *asked: object) -> str:
        if self.refuses:
            raise StudyError(self.refuses)
        self.asked.append(asked)
        return f"done: {asked[0]}"


@contextlib.contextmanager
def served(
    studies: Mapping[str, Path],
    *,
    control: Control | None = None,
    panels: Sequence[PagePanel] = PANELS,
    pace: ReadingPace = QUICK,
    port: int = 0,
) -> Iterator[httpx.Client]:
    """Serve a page of studies by their folders; yield who asks it."""
    paths = {name: StudyPaths(root) for name, root in studies.items()}
    app = create_app(paths, token=TOKEN, control=control, panels=panels, pace=pace)
    with (
        serving(app, port=port) as found,
        httpx.Client(base_url=f"http://127.0.0.1:{found}", timeout=60, trust_env=False) as client,
    ):
        yield client
