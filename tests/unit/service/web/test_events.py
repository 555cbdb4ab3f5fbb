"""Live updates: what changed is told once, to everybody, and a page that sleeps costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from starlette.types import Message

from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import gates
from closedloop.service.web.events import LiveStudy, ReadingPace
from tests.unit.service.served import QUICK, served
from tests.unit.study.labs import lab

SECONDS = 30.0  # a test that waits longer has failed


@dataclass
class Counter:
    """A panel that shows a file, drawn as the gates are, and counts how often it was read."""

    file: Path
    reads: int = 0
    NAME: str = gates.NAME
    TITLE: str = "Counter"

    def read(self, paths: StudyPaths) -> gates.GatesPanel:
        self.reads += 1
        text = self.file.read_text()
        if text == "broken":
            raise RuntimeError("<b>broken</b>")
        return gates.GatesPanel((), held_by_hand=text)


@dataclass
class Page:
    """A page that listens: what it was sent; one that `sleeps` takes nothing after its first bytes."""

    sleeps: bool = False
    sent: list[bytes] = field(default_factory=list)
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    leaves: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> None:
        if self.sleeps and len(self.sent) > 1:
            await self.awake.wait()
        self.sent.append(message.get("body", b""))

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    @property
    def events(self) -> list[bytes]:
        return [one for one in self.sent if one.startswith(b"event: ")]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


def live_study(
    tmp_path: Path, test: Callable[[LiveStudy, Counter], Awaitable[None]], pace: ReadingPace = QUICK
) -> None:
    """Run a test of a study with one panel, in a loop of its own."""
    panel = Counter(tmp_path / "shown")
    panel.file.write_text("first")

    async def run() -> None:
        live = LiveStudy("one", StudyPaths(tmp_path), [panel], pace=pace)
        try:
            await test(live, panel)
        finally:
            await live.close()

    asyncio.run(run())


def test_many_pages_share_one_reader_and_each_hears_of_a_change_once(tmp_path: Path) -> None:
    async def test(live: LiveStudy, panel: Counter) -> None:
        pages = [Page() for _ in range(20)]
        await live.refresh()
        place, before = live.place, panel.reads
        streams = [asyncio.create_task(live.stream(place, page.receive, page.send)) for page in pages]
        await until(lambda: live.n_pages == 20)
        await until(lambda: panel.reads >= before + 4)
        assert [page.events for page in pages] == [[]] * 20  # nothing changed, nothing is sent
        panel.file.write_text("second")
        await until(lambda: all(page.events for page in pages))
        read = panel.reads
        await until(lambda: panel.reads >= read + 4)
        assert {len(page.events) for page in pages} == {1}
        assert all(b"second" in page.events[0] for page in pages)
        assert live.n_readings == panel.reads  # however many pages there are
        for page in pages:
            page.leaves.set()
        await asyncio.gather(*streams)
        assert live.n_pages == 0
        await until(lambda: not live.is_watched)
        read = panel.reads
        await asyncio.sleep(0)
        assert panel.reads == read

    live_study(tmp_path, test)


def test_a_page_that_sleeps_keeps_nobody_waiting_and_wakes_to_what_is_then(tmp_path: Path) -> None:
    async def test(live: LiveStudy, panel: Counter) -> None:
        sleeper, other = Page(sleeps=True), Page()
        streams = [asyncio.create_task(live.stream("", page.receive, page.send)) for page in (sleeper, other)]
        for k in range(50):
            panel.file.write_text(f"number {k}.")
            await until(lambda k=k: any(f"number {k}.".encode() in one for one in other.events))
        assert sleeper.events == []
        sleeper.awake.set()
        await until(lambda: any(b"number 49." in one for one in sleeper.events))
        assert len(sleeper.events) <= 2  # the one that it had been given when it fell asleep, and the last
        assert len(other.events) >= 50
        for page in (sleeper, other):
            page.leaves.set()
        await asyncio.gather(*streams)

    live_study(tmp_path, test, ReadingPace(shortest_s=0.001, longest_s=0.001))


def test_a_page_that_comes_back_hears_what_it_missed_and_nothing_else(tmp_path: Path) -> None:
    async def heard(live: LiveStudy, place: str) -> list[bytes]:
        page = Page()
        stream = asyncio.create_task(live.stream(place, page.receive, page.send))
        await until(lambda: b": here\n\n" in page.sent or bool(page.events))
        page.leaves.set()
        await stream
        return page.events

    async def test(live: LiveStudy, panel: Counter) -> None:
        await live.refresh()
        first = live.place
        assert await heard(live, first) == []
        panel.file.write_text("second")
        await live.refresh()
        (event,) = await heard(live, first)
        assert f"id: {live.place}".encode() in event
        assert b"second" in event
        assert await heard(live, live.place) == []
        for unknown in ("", "x", "0.1", f"{first}9999", first.replace(".", ".-"), f"{first.partition('.')[0]}.x"):
            events = await heard(live, unknown)
            assert len(events) == (0 if unknown == f"{first}9999" else 1), unknown

    live_study(tmp_path, test)


def test_a_page_hears_of_lines_once_it_has_the_whole_and_of_the_whole_when_it_connects_again(tmp_path: Path) -> None:
    async def connect(live: LiveStudy, panel: Counter) -> None:
        page = Page()
        panel.file.write_text("first")
        await live.refresh()
        stream = asyncio.create_task(live.stream("", page.receive, page.send))
        await until(lambda: len(page.events) == 1)
        panel.file.write_text("second")
        await until(lambda: len(page.events) == 2)
        whole, lines = page.events
        assert whole.startswith(b"event: gates\n")
        assert lines.startswith(b"event: lines-of-gates\n")
        assert b"second" in lines
        assert len(lines) < len(whole)
        page.leaves.set()
        await stream

    async def test(live: LiveStudy, panel: Counter) -> None:
        await connect(live, panel)
        await until(lambda: not live.is_watched)
        await connect(live, panel)

    live_study(tmp_path, test)


def test_a_panel_that_breaks_says_so_as_text_and_the_page_goes_on(tmp_path: Path) -> None:
    async def test(live: LiveStudy, panel: Counter) -> None:
        panel.file.write_text("broken")
        text = (await live.refresh())[panel.NAME].text
        assert "RuntimeError: &lt;b&gt;broken&lt;/b&gt;" in text
        panel.file.write_text("whole again")
        assert "whole again" in (await live.refresh())[panel.NAME].text

    live_study(tmp_path, test)


def test_the_end_of_the_server_ends_every_stream(tmp_path: Path) -> None:
    async def test(live: LiveStudy, panel: Counter) -> None:
        pages = [Page() for _ in range(5)]
        streams = [asyncio.create_task(live.stream("", page.receive, page.send)) for page in pages]
        await until(lambda: all(page.events for page in pages))
        await live.close()
        await asyncio.gather(*streams)
        assert [page.sent[-1] for page in pages] == [b""] * 5

    live_study(tmp_path, test)


class CountingText(str):
    """Text that counts how often it is put into a page."""

    __slots__ = ()
    drawn: ClassVar[list[str]] = []

    def __html__(self) -> str:
        CountingText.drawn.append(str(self))
        return str(self)


def test_what_was_read_again_and_is_the_same_is_not_drawn_again(tmp_path: Path) -> None:
    @dataclass
    class Held(Counter):
        def read(self, paths: StudyPaths) -> gates.GatesPanel:
            found = super().read(paths)
            return replace(found, held_by_hand=CountingText(found.held_by_hand))

    def drawn() -> int:
        return len(CountingText.drawn)

    async def run() -> None:
        panel = Held(tmp_path / "shown")
        live = LiveStudy("one", StudyPaths(tmp_path), [panel], pace=QUICK)
        panel.file.write_text("first")
        first = dict(await live.refresh())
        once = drawn()
        assert once
        assert dict(await live.refresh()) == first
        assert (panel.reads, drawn()) == (2, once)
        panel.file.write_text("broken")
        assert "could not be read" in (await live.refresh())["gates"].text
        panel.file.write_text("first")
        assert (await live.refresh())["gates"].text == first["gates"].text
        assert drawn() == 2 * once
        await live.close()

    asyncio.run(run())


def test_reading_takes_its_share_of_a_core_and_no_more() -> None:
    pace = ReadingPace(shortest_s=1.0, longest_s=10.0, share=0.02)
    assert pace.pause_s(0.0001) == 1.0
    assert pace.pause_s(0.1) == 5.0
    assert pace.pause_s(30.0) == 10.0


def lines_of(client: httpx.Client, **headers: str) -> Iterator[str]:
    with client.stream("GET", "/study/one/events", headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield from answer.iter_lines()


def test_a_browser_is_told_by_the_rules_of_event_streams(tmp_path: Path) -> None:
    """By the format of https://html.spec.whatwg.org/#server-sent-events: every line of a fragment is a data line."""
    lab(tmp_path / "one")
    with served({"one": tmp_path / "one"}) as client:
        fragment = client.get("/study/one/panel/stages").text
        lines = lines_of(client)
        assert next(lines) == "retry: 2000"
        assert next(lines) == ""
        assert next(lines) == "event: stages"
        assert next(lines).startswith("id: ")
        data = []
        while line := next(lines):
            assert line.startswith("data: ")
            data.append(line.removeprefix("data: "))
        assert "\n".join(data) == fragment.rstrip("\n")
        lines.close()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_too_many_pages_of_a_study_are_refused_and_room_comes_back(tmp_path: Path) -> None:
    lab(tmp_path / "one")
    with served({"one": tmp_path / "one"}) as client:
        url = client.base_url.join("/study/one/events")
        with httpx.Client(limits=httpx.Limits(max_connections=None), timeout=SECONDS, trust_env=False) as many:
            open_streams = [many.stream("GET", url) for _ in range(64)]
            for stream in open_streams:
                assert stream.__enter__().status_code == 200
            assert many.get(url).status_code == 503
            open_streams.pop().__exit__(None, None, None)
            deadline: list[int] = []
            while (again := many.send(many.build_request("GET", url), stream=True)).status_code == 503:
                again.close()
                deadline.append(1)
                assert len(deadline) < 1000
            again.close()
            for stream in open_streams:
                stream.__exit__(None, None, None)


def test_the_page_says_from_where_on_it_listens(tmp_path: Path) -> None:
    lab(tmp_path / "one")
    with served({"one": tmp_path / "one"}) as client:
        page = client.get("/study/one").text
        place = page.partition('data-place="')[2].partition('"')[0]
        data: dict[str, Any] = json.loads(client.get("/study/one/panel/stages.json").text)
        assert data["subject"] == "nobody"
        with client.stream("GET", f"/study/one/events?after={place}") as answer:
            lines = answer.iter_lines()
            assert [next(lines) for _ in range(3)] == ["retry: 2000", "", ": here"]
