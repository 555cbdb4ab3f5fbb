"""A page that is open for an hour, by the clock, while the rig's journal grows by 3,000 presentations.

Run: ``python -m benchmarks page_hour --minutes 60``. A study of an animal (tests/loop/real_study.py) waits for its
session under `closedloop serve`; a headless Chromium has its page open; the journal of a whole session comes row by
row, spread over the hour, cut in the middle of a row each time. A line of JSON a minute, from outside the browser: the
memory of its process that draws the page, and that of the service and all its processes. When the page has warmed up
(`--warm-minutes`) and at the end the browser is also asked what the page's scripts hold, and how often a panel changed
so far; once more after it was told that memory is short. The last line is the growth from the one to the other.

Nothing but these two looks touches the browser, as on somebody's desk: developer tools keep the content of every answer
that a page had while they are open, up to 200 MB, in the very process that is measured. ``--inspected`` keeps them open
all the time, as a browser's driver does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil
from playwright.sync_api import Page, Playwright, sync_playwright

from benchmarks.process_memory import memory_of, memory_of_tree, tree
from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.study import StudyPaths
from tests.equipment.browser import ARGUMENTS, CHROMIUM, NO_NAMES, WIDE, heap_bytes
from tests.loop.real_study import PROTOCOL, make_real_study

ENOUGH = "clean_repetitions: 3", "clean_repetitions: 125"
"""So often is each image shown that a session has 3,000 presentations."""
ADDRESS = re.compile(r"Open (http://\S+)/#token")
MB = 1 << 20
SHOWN_S = 15.0  # within which the page shows the last row, on any machine
PLACE = re.compile(r'data-place="\w+\.(\d+)"')


@dataclass
class Piecemeal:
    """A journal that comes in pieces."""

    path: Path
    content: bytes
    n_written: int = 0

    def grow_to(self, share: float) -> None:
        """Append what is there by then of the whole."""
        end = round(len(self.content) * min(share, 1.0))
        if end > self.n_written:
            with self.path.open("ab") as file:
                file.write(self.content[self.n_written : end])
            self.n_written = end


def presented_session(folder: Path) -> tuple[Path, Piecemeal]:
    """Return a study whose day 0 waits for its session, and the journal of that whole session."""
    protocol = folder / "hour.yaml"
    protocol.write_text(PROTOCOL.read_text().replace(*ENOUGH))
    real = make_real_study(folder / "study", protocol=protocol)
    real.present()
    journal = JOURNAL.published(StudyPaths(real.root), 0)
    content = journal.read_bytes()
    for file in journal.parent.iterdir():
        file.unlink()
    return real.root, Piecemeal(journal, content)


def drawing_process() -> psutil.Process:
    """Return the browser's process that draws the page: of its renderers the one that worked most."""
    used: dict[psutil.Process, float] = {}
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # some end all the time
            if "--type=renderer" in one.cmdline():
                used[one] = sum(one.cpu_times()[:2])
    return max(used, key=lambda one: used[one])


@dataclass(frozen=True)
class Tools:
    """A browser's developer tools: where they are asked for, and who asks."""

    address: str
    playwright: Playwright


@contextmanager
def browser_on(folder: Path, address: str) -> Iterator[Tools]:
    """Have a browser show a page; yield where its developer tools can be asked for."""
    if CHROMIUM is None:
        sys.exit("expected Debian's chromium, found none: apt-get install chromium")
    profile = folder / "profile"
    words = [f"--host-resolver-rules={NO_NAMES}", f"--window-size={WIDE['width']},{WIDE['height']}"]
    command = [CHROMIUM, *ARGUMENTS, *words, f"--user-data-dir={profile}", "--remote-debugging-port=0", address]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while not (place := profile / "DevToolsActivePort").exists() or "\n" not in place.read_text():
                if process.poll() is not None:
                    sys.exit("the browser ended")
                time.sleep(0.1)
            with sync_playwright() as playwright:
                yield Tools(f"http://127.0.0.1:{place.read_text().splitlines()[0]}", playwright)
        finally:
            process.terminate()


@contextmanager
def looking_at(tools: Tools) -> Iterator[Page]:
    """Open the developer tools of the browser's one page, and close them again."""
    browser = tools.playwright.chromium.connect_over_cdp(tools.address)
    try:
        yield browser.contexts[0].pages[0]
    finally:
        browser.close()  # the connection


def changes(page: str) -> int:
    """Return how often a study's page changed so far, by what it says when it is asked for anew."""
    with urlopen(page, timeout=60) as answer:
        (count,) = PLACE.findall(answer.read().decode())
    return int(count)


def memory(service: int) -> dict[str, float]:
    """Return what the page's process and the service hold now, in MB, by the kernel's books."""
    renderer, services = memory_of(drawing_process().pid), memory_of_tree(service)
    figures = {
        "renderer_pss_mb": renderer.pss_mb,
        "renderer_own_mb": renderer.own_mb,
        "renderer_rss_mb": renderer.rss_mb,
        "service_pss_mb": memory_of(service).pss_mb,
        "all_services_pss_mb": services.pss_mb,
        "all_services_rss_mb": services.rss_mb,
    }
    return {name: round(value, 2) for name, value in figures.items()}


def look(tools: Tools, service: int, address: str) -> dict[str, float]:
    """Return what is held now, and what of the page's process is left when the browser gives back what it can."""
    as_it_is = memory(service)
    with looking_at(tools) as page:
        held = heap_bytes(page) / MB
        elements = page.evaluate("() => document.querySelectorAll('*').length")
        session = page.context.new_cdp_session(page)
        session.send("Memory.simulatePressureNotification", {"level": "critical"})
        page.wait_for_timeout(5000)
        pressed = memory(service)["renderer_pss_mb"]
    return {
        "changes": changes(address),
        "heap_mb": round(held, 2),
        "elements": elements,
        **as_it_is,
        "pressed_pss_mb": pressed,
    }


def say(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


def watch(
    tools: Tools,
    service: subprocess.Popen[bytes],
    journal: Piecemeal,
    *,
    address: str,
    seconds: float,
    warm_s: float,
) -> None:
    began, told = time.monotonic(), 0
    first: dict[str, float] | None = None
    processor_s = used_s(service.pid)
    while (passed := time.monotonic() - began) < seconds:
        if service.poll() is not None:
            sys.exit("the service ended")
        journal.grow_to(passed / seconds)
        if first is None and passed >= warm_s:
            first = look(tools, service.pid, address)
            say(minute=round(passed / 60, 1), looked=True, **first)
        if passed >= 60 * told:
            told += 1
            say(minute=round(passed / 60, 1), **memory(service.pid))
        time.sleep(1)
    share = (used_s(service.pid) - processor_s) / seconds
    journal.grow_to(1.0)
    time.sleep(SHOWN_S)
    last = look(tools, service.pid, address)
    say(minute=round(seconds / 60, 1), looked=True, **last)
    n_rows = journal.content.count(b"\n")
    with looking_at(tools) as page:
        shown = page.inner_text("#panel-session")
    if f"{n_rows:,} rows count" not in shown:
        sys.exit(f"expected {n_rows:,} rows on the page, found: {shown}")
    grown = {name: round(value - (first or last)[name], 2) for name, value in last.items()}
    n_shown = journal.content.count(b'"presentation"')
    say(rows=n_rows, presentations=n_shown, cpu_percent=round(100 * share, 2), grown=grown)


def used_s(service: int) -> float:
    """Return the processor time of a service and of all its processes, of those that ended too."""
    return sum(sum(one.cpu_times()[:4]) for one in tree(service))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--warm-minutes", type=float, default=3.0)
    parser.add_argument("--inspected", action="store_true", help="keep the browser's developer tools open")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study, journal = presented_session(folder)
        environment = os.environ | {"XDG_STATE_HOME": str(folder / "state"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "closedloop", "serve", str(study)]
        with (folder / "said").open("w") as said:
            service = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            while not ADDRESS.search((folder / "said").read_text()):
                if service.poll() is not None:
                    sys.exit((folder / "said").read_text())
                time.sleep(0.5)
            (address,) = ADDRESS.findall((folder / "said").read_text())
            address = f"{address}/study/{study.name}"
            seconds, warm_s = 60 * chosen.minutes, 60 * chosen.warm_minutes
            with browser_on(folder, address) as tools, looking_at(tools) if chosen.inspected else nullcontext():
                watch(tools, service, journal, address=address, seconds=seconds, warm_s=warm_s)
            sys.stderr.write((folder / "said").read_text())  # not by its path: a log that has both would be emptied
        finally:
            service.terminate()
            service.wait()


if __name__ == "__main__":
    main()
