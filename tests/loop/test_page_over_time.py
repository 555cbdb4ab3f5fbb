"""The live page over time: an hour of a session, and a minute in which nothing happens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.study import StudyPaths
from tests.equipment.browser import browsing, heap_bytes, text_of
from tests.equipment.processes import Child, end
from tests.loop.real_study import PROTOCOL, make_real_study
from tests.loop.studies import ENVIRONMENT

pytestmark = pytest.mark.slow

SECONDS = 60.0
MB = 1 << 20
HOUR = "clean_repetitions: 3", "clean_repetitions: 125"
UPDATES = 300
MOST_GROWTH = 20 * MB
SERVER = """
import sys, time
from pathlib import Path
from closedloop.artifacts.study import StudyPaths
from closedloop.service.web.app import create_app
from closedloop.service.web.events import ReadingPace
from closedloop.service.web.serving import serving
pace = ReadingPace(shortest_s=0.02, longest_s=0.02) if sys.argv[2] == "dense" else ReadingPace()
app = create_app({"one": StudyPaths(Path(sys.argv[1]))}, token="", control=None, pace=pace)
with serving(app) as port:
    print(port, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def serving_process(study: Path, pace: str) -> Iterator[tuple[psutil.Process, str]]:
    """Serve a study's page in a process of its own; yield it and the address."""
    environment = {name: value for name, value in ENVIRONMENT.items() if "watched" not in value}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", SERVER, str(study), pace]
    with Child[str](command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield psutil.Process(process.pid), f"http://127.0.0.1:{port}/study/one"
        end(process)


def grow(page: Page, journal: Path, pieces: list[bytes], n_rows: int) -> int:
    """Let a journal grow by pieces; wait after each until the page tells its last row. Return how many rows it has."""
    for piece in pieces:
        with journal.open("ab") as file:
            file.write(piece)
        n_rows += piece.count(b"\n")
        page.wait_for_function(
            "(rows) => document.getElementById('panel-session').textContent.includes(`${rows} rows count`)",
            arg=f"{n_rows:,}",
            timeout=SECONDS * 1000,
        )
    return n_rows


@pytest.mark.timeout(1500)
def test_a_page_that_is_open_for_an_hour_over_3000_presentations_grows_by_less_than_20_mb(tmp_path: Path) -> None:
    """Time is made dense: what a session writes in an hour is written in minutes, and the page hears of every piece."""
    protocol = tmp_path / "hour.yaml"
    protocol.write_text(PROTOCOL.read_text().replace(*HOUR))
    real = make_real_study(tmp_path / "study", protocol=protocol)
    real.present()
    journal = JOURNAL.published(StudyPaths(real.root), 0)
    lines = journal.read_bytes().splitlines(keepends=True)
    assert sum(b'"presentation"' in line for line in lines) >= 3000
    for file in journal.parent.iterdir():
        file.unlink()
    step = -(-len(lines) // UPDATES)
    pieces = [b"".join(lines[at : at + step]) for at in range(0, len(lines), step)]
    with serving_process(real.root, "dense") as (server, address), browsing(tmp_path) as browser:
        page = browser.open(address)
        warm = len(pieces) // 10
        n_rows = grow(page, journal, pieces[:warm], 0)
        heap, resident = heap_bytes(page), server.memory_info().rss
        assert grow(page, journal, pieces[warm:], n_rows) == len(lines)
        grown_heap, grown_resident = heap_bytes(page) - heap, server.memory_info().rss - resident
        sys.stdout.write(
            f"page {grown_heap / MB:.2f} MB, server {grown_resident / MB:.2f} MB, {resident / MB:.0f} MB at first"
        )
        assert text_of(page) == text_of(browser.open(address))
        assert grown_heap < MOST_GROWTH
        assert grown_resident < MOST_GROWTH
        assert server.memory_info().rss < 200 * MB
    # A page that asks for more than pictures asks with every piece, and a browser's tools keep each answer.
    assert {one.rpartition(".")[2] for one in browser.asked if "/panel/" in one} == {"png"}


def test_at_rest_a_page_and_its_server_take_next_to_nothing(tmp_path: Path, undisturbed: Path) -> None:
    """Counted in processor time, of which a loaded machine gives no more: less than 2 % of a core, 200 MB at most."""
    with serving_process(undisturbed, "as it is") as (server, address), browsing(tmp_path) as browser:
        page = browser.open(address)
        expect(page.locator("#link")).to_contain_text("live")
        page.wait_for_timeout(5_000)
        before = sum(server.cpu_times()[:2])
        page.wait_for_timeout(60_000)  # or longer: what was taken is of 60 s at least
        share = (sum(server.cpu_times()[:2]) - before) / 60
        sys.stdout.write(f"{100 * share:.2f} % of a core, {server.memory_info().rss / MB:.0f} MB")
        assert share < 0.02
        assert server.memory_info().rss < 200 * MB
