"""A page that is open for an hour, by the clock, while the rig's journal grows by 3,000 presentations.

Run: ``python -m benchmarks page_hour --minutes 60``. A study of an animal (tests/loop/real_study.py) waits for its
session under `closedloop serve`; a headless Chromium has its page open; the journal of a whole session comes row by
row, spread over the hour, cut in the middle of a row each time. A line of JSON a minute: what the page's scripts hold,
the memory of the browser's process that draws it, and that of the service and all its processes. The last line is the
growth from when the page had warmed up (`--warm-minutes`) to the end, both as the browser is told that memory is short
and garbage is collected: in between it keeps what it has no reason to give back.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmarks.process_memory import memory_of, memory_of_tree, tree
from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.study import StudyPaths
from tests.equipment.browser import browsing, heap_bytes
from tests.loop.real_study import PROTOCOL, make_real_study

ENOUGH = "clean_repetitions: 3", "clean_repetitions: 125"
"""So often is each image shown that a session has 3,000 presentations."""
ADDRESS = re.compile(r"Open (http://\S+)/#token")
MB = 1 << 20


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


def sample(page: Page, service: int, *, is_collected: bool) -> dict[str, float]:
    """Return what the page and the service hold now, in MB."""
    if is_collected:
        give_back(page)
    heap = heap_bytes(page) if is_collected else int(page.evaluate("() => performance.memory.usedJSHeapSize"))
    renderer, services = memory_of(drawing_process().pid), memory_of_tree(service)
    figures = {
        "heap_mb": heap / MB,
        "elements": page.evaluate("() => document.querySelectorAll('*').length"),
        "renderer_pss_mb": renderer.pss_mb,
        "renderer_rss_mb": renderer.rss_mb,
        "service_pss_mb": memory_of(service).pss_mb,
        "all_services_pss_mb": services.pss_mb,
        "all_services_rss_mb": services.rss_mb,
    }
    return {name: round(value, 2) for name, value in figures.items()}


def give_back(page: Page) -> None:
    """Have the browser let go of what it only keeps because there is room: decoded images, freed memory, garbage."""
    session = page.context.new_cdp_session(page)
    session.send("Memory.simulatePressureNotification", {"level": "critical"})
    session.detach()
    page.wait_for_timeout(5000)


def say(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


def watch(page: Page, service: subprocess.Popen[bytes], journal: Piecemeal, *, seconds: float, warm_s: float) -> None:
    began, told = time.monotonic(), 0
    first: dict[str, float] | None = None
    processor_s = used_s(service.pid)
    while (passed := time.monotonic() - began) < seconds:
        if service.poll() is not None:
            sys.exit("the service ended")
        journal.grow_to(passed / seconds)
        if first is None and passed >= warm_s:
            first = sample(page, service.pid, is_collected=True)
            say(minute=round(passed / 60, 1), collected=True, **first)
        if passed >= 60 * told:
            told += 1
            say(minute=round(passed / 60, 1), **sample(page, service.pid, is_collected=False))
        page.wait_for_timeout(1000)
    share = (used_s(service.pid) - processor_s) / seconds
    journal.grow_to(1.0)
    n_rows = journal.content.count(b"\n")
    page.wait_for_function(
        "(rows) => document.getElementById('panel-session').textContent.includes(`${rows} rows count`)",
        arg=f"{n_rows:,}",
        timeout=60_000,
    )
    last = sample(page, service.pid, is_collected=True)
    say(minute=round(seconds / 60, 1), collected=True, **last)
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
            with browsing(folder) as browser:
                page = browser.open(f"{address}/study/{study.name}")
                watch(page, service, journal, seconds=60 * chosen.minutes, warm_s=60 * chosen.warm_minutes)
            shutil.copy(folder / "said", "/dev/stderr")
        finally:
            service.terminate()
            service.wait()


if __name__ == "__main__":
    main()
