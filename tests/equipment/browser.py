"""A real browser, and everything that it asked anybody for while a test looked at a page with it.

Debian's chromium, driven by playwright. No name is resolved but this machine's own, so that nothing can leave; what
would have left is told by the browser's own record of its network, where also that stands which no page sees: pings,
prefetches, questions about entry fields. What the browser asks its maker on its own account, with no page open, is
not the page's doing and is told apart by the site on whose account each request is.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NO_NAMES = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]"
OURS = {"127.0.0.1", "localhost", "[::1]", "::1"}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 420, "height": 900}


@dataclass
class Watched:
    """A browser, and what pages in it said and asked for.

    Attributes
    ----------
    faults
        Errors of scripts and refusals of the page's own policy.
    asked
        Once the browser is closed: addresses that were asked for on account of a page.
    """

    browser: Browser
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, address: str, *, viewport: dict[str, int] | None = None, scheme: str = "light") -> Page:
        """Open a page in a profile of its own."""
        context = self.browser.new_context(
            viewport=viewport or WIDE, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "net::ERR_" not in message.text:  # a server that a test stopped
            self.faults.append(message.text)


@contextlib.contextmanager
def browsing(folder: Path, *, elsewhere: str = "") -> Iterator[Watched]:
    """Start a browser; when it is closed, fail where a page asked for something of another machine.

    Parameters
    ----------
    folder
        Where the browser's record of its network is written.
    elsewhere
        A name of the wide world that somebody made point at this machine.
    """
    assert CHROMIUM is not None, "expected Debian's chromium, found none: apt-get install chromium"
    record = folder / "network.json"
    with sync_playwright() as playwright:
        rules = f"{f'MAP {elsewhere} 127.0.0.1, ' if elsewhere else ''}{NO_NAMES}"
        arguments = [*ARGUMENTS, f"--host-resolver-rules={rules}", f"--log-net-log={record}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        watched = Watched(browser)
        try:
            yield watched
        finally:
            browser.close()
    watched.asked.extend(asked_by_pages(record))
    assert watched.asked, "expected requests in the browser's record, found none"
    left = [address for address in watched.asked if urlsplit(address).hostname not in OURS]
    assert not left, f"a page asked for {left}"
    assert not watched.faults, watched.faults


def asked_by_pages(record: Path) -> Iterator[str]:
    """Yield every address that was asked for on account of a page of this machine."""
    log = json.loads(record.read_text())
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    for event in log["events"]:
        given: dict[str, Any] = event.get("params", {})
        if event["type"] == kind and "url" in given and is_of_a_page(given):
            yield given["url"]


def is_of_a_page(request: dict[str, Any]) -> bool:
    """Return whether a request was made on account of a site of this machine, by the key that separates sites."""
    account = f"{request.get('network_isolation_key', '')} {request.get('initiator', '')}"
    return any(f"//{name}" in account for name in OURS)


def heap_bytes(page: Page) -> int:
    """Return how much a page's scripts hold, after what is let go of was collected."""
    session: CDPSession = page.context.new_cdp_session(page)
    try:
        session.send("HeapProfiler.collectGarbage")
        return int(session.send("Runtime.getHeapUsage")["usedSize"])
    finally:
        session.detach()


def text_of(page: Page) -> str:
    """Return what a page says, but for how long ago something was."""
    said: str = page.evaluate(
        """() => {
          const main = document.querySelector('main').cloneNode(true);
          for (const one of main.querySelectorAll('time, .plot')) one.remove();
          return main.textContent.replace(/\\s+/g, ' ');
        }"""
    )
    return said
