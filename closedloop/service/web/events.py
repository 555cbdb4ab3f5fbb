"""Live updates: one reader a study, however many pages are open; a page hears of what changed when it can take it.

For each panel the fragment of now is kept once, with a count of changes. A page that is open is a place in that count
and what it was sent last, so that one which sleeps costs nothing and, when it wakes, gets what changed since. Nobody
looks: nothing is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels.panel import PagePanel
from closedloop.service.unchanged import FileState, file_state
from closedloop.service.web.changes import event
from closedloop.service.web.render import StudyName, render_fragment, sendable
from closedloop.study.waiting.place import refuse_other_study, study_id_of

_MOST_PAGES = 64  # of a study: more is a mistake


@dataclass(frozen=True)
class ReadingPace:
    """How often a study is looked at, while somebody looks at its page.

    Attributes
    ----------
    shortest_s, longest_s
        Between two readings.
    share
        Of a processor core: within the two bounds, pauses are so long that reading takes no more.
    heartbeat_s
        After so long without news a page hears that the server is there; a connection that broke is found out by it.
    """

    shortest_s: float = 1.0
    longest_s: float = 10.0
    share: float = 0.015
    heartbeat_s: float = 15.0

    def pause_s(self, took_s: float) -> float:
        """Return how long to wait after a reading that took so much of a core."""
        return min(max(took_s / self.share, self.shortest_s), self.longest_s)


@dataclass(frozen=True)
class Fragment:
    """What a panel shows now.

    Attributes
    ----------
    text
        HTML.
    change
        The count of changes of the study's page when it became that.
    """

    text: str
    change: int


class LiveStudy:
    """A study's panels as they are now."""

    def __init__(self, name: str, paths: StudyPaths, panels: Sequence[PagePanel], *, pace: ReadingPace) -> None:
        self.study = StudyName(name)
        self._study_id = study_id_of(paths)
        self._pace = pace
        self.paths = paths
        self._panels = {panel.NAME: panel for panel in panels}
        self._data: dict[str, Any] = {}
        self._fragments: dict[str, Fragment] = {}
        self._change = 0
        self._run = secrets.token_hex(4)  # a page of an earlier run of the server counts from another beginning
        self._news: set[asyncio.Event] = set()  # one for each page that listens
        self._reading = asyncio.Lock()
        self._took_s = 0.0
        self._n_readings = 0
        self._reader: asyncio.Task[None] | None = None
        self._is_closed = False
        self._state: FileState = None  # of study.json when it was this study's

    @property
    def place(self) -> str:
        """Where the count of changes is now, as a page states it when it asks to hear of later ones."""
        return f"{self._run}.{self._change}"

    @property
    def n_pages(self) -> int:
        """How many pages listen."""
        return len(self._news)

    @property
    def n_readings(self) -> int:
        """How often its panels were read."""
        return self._n_readings

    @property
    def is_watched(self) -> bool:
        """Whether it is read again and again."""
        return self._reader is not None and not self._reader.done()

    @property
    def fragments(self) -> Mapping[str, Fragment]:
        """The fragments as they were read last."""
        return self._fragments

    async def refresh(self) -> Mapping[str, Fragment]:
        """Read all panels, in a thread; return their fragments."""
        async with self._reading:
            found, self._took_s = await asyncio.to_thread(self._look)
            self._n_readings += 1
            changed = {name: text for name, text in found.items() if self._is_new(name, text)}
            if changed:
                self._change += 1
                self._fragments |= {name: Fragment(text, self._change) for name, text in changed.items()}
                self._tell_all()
        return self._fragments

    def data(self, panel: str) -> Any:
        """Return what a panel read last."""
        return self._data[panel]

    def _is_new(self, name: str, text: str) -> bool:
        known = self._fragments.get(name)
        return known is None or known.text != text

    def _look(self) -> tuple[dict[str, str], float]:
        began, found = time.thread_time(), dict[str, str]()
        for name, panel in self._panels.items():
            try:
                self.refuse_other_study()
                data = panel.read(self.paths)
                drawn = self._fragments.get(name)
                if drawn is not None and _is_same(data, self._data[name]):  # drawing it costs as much as reading it
                    found[name] = drawn.text
                else:
                    found[name] = render_fragment(panel, data, self.study)
                self._data[name] = data
            except Exception as error:  # noqa: BLE001 - one panel's fault leaves the others readable, and is said
                found[name] = unreadable(error)
                self._data[name] = {"unreadable": f"{type(error).__name__}: {error}"}
        return found, time.thread_time() - began

    def refuse_other_study(self) -> None:
        """Stop where another study lies at this one's place by now.

        Raises
        ------
        StudyError
            One does.
        """
        state = file_state(self.paths.study)
        if state != self._state:
            refuse_other_study(self.paths, self._study_id)
            self._state = state

    async def close(self) -> None:
        """End every page's stream."""
        self._is_closed = True
        self._tell_all()
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _watch(self) -> None:
        while self._news:
            await self.refresh()
            await asyncio.sleep(self._pace.pause_s(self._took_s))

    def _tell_all(self) -> None:
        for news in self._news:
            news.set()

    async def _after(self, change: int, news: asyncio.Event) -> tuple[int, dict[str, str]]:
        """Wait for changes after a count, at most a heartbeat long; return the count and the fragments of now."""
        if self._change <= change and not self._is_closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.heartbeat_s):
                    await news.wait()
        news.clear()
        later = {name: one.text for name, one in self._fragments.items() if one.change > change}
        return self._change, later

    def _known(self, place: str) -> int:
        run, _, change = place.partition(".")
        if run != self._run or not (change.isascii() and change.isdecimal()) or len(change) > 18:
            return 0
        return min(int(change), self._change)

    async def stream(self, place: str, receive: Receive, send: Send) -> None:
        """Tell one page of every change after a place in the count, until it goes or the server ends.

        Parameters
        ----------
        place
            What the page has seen, as `place` states it; anything else means nothing.
        receive, send
            The page's connection.
        """
        news = asyncio.Event()
        self._news.add(news)
        if not self.is_watched:
            self._reader = asyncio.create_task(self._watch())
        telling = asyncio.create_task(self._tell(self._known(place), news, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._news.discard(news)
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, change: int, news: asyncio.Event, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
        sent = dict[str, str]()  # on this stream: a page that connects again gets whole fragments first
        while not self._is_closed:
            change, later = await self._after(change, news)
            place = f"{self._run}.{change}"
            body = b"".join(event(name, text, place, before=sent.get(name)) for name, text in later.items())
            sent |= later
            await send({"type": "http.response.body", "body": body or b": here\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStream(Response):
    """The answer that never ends by itself."""

    def __init__(self, live: LiveStudy, place: str) -> None:
        super().__init__()
        self._live = live
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if self._live.n_pages >= _MOST_PAGES:
            await Response(status_code=503)(scope, receive, send)
            return
        await self._live.stream(self._place, receive, send)


def _is_same(data: Any, before: Any) -> bool:
    """Whether two readings of a panel are equal for certain."""
    try:
        return bool(data == before)
    except ValueError:  # arrays, which are compared element by element
        return False


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def unreadable(error: Exception) -> str:
    """Return the fragment of a panel that could not be read or drawn."""
    said = escape(sendable(str(error)))
    return f'<p class="damaged">This part could not be read: {escape(type(error).__name__)}: {said}</p>'
