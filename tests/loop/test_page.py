"""The live page in a real browser: a study is followed and decided from it alone, and nothing leaves the machine."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import STAGES, StudyPaths
from tests.equipment.browser import browsing
from tests.loop.served import PATIENCE_S, Laboratory
from tests.loop.studies import PROTOCOL

pytestmark = pytest.mark.slow

HELD = "gates:\n  simulated: hold\n  hours: {warn: 0.0, hold: 0.0}\n  lost_codes: {warn: -1.0, hold: -1.0}\n"
"""Holds every session, and every next one once its recording has come in: no part is below none at all."""

REMEMBER = """() => {
  window.seen = [];
  const look = () => {
    const stages = [...document.querySelectorAll('ol.stages li')].map((one) =>
      [one.id.replace('stage-', ''), one.querySelector('.state').textContent.trim()]);
    const figures = [...document.querySelectorAll('#panel-session .figures > li')].map((one) =>
      [...one.children].map((part) => part.textContent.trim()));
    const session = document.getElementById('panel-session').textContent;
    const now = JSON.stringify({ stages: Object.fromEntries(stages), figures, session });
    if (now !== window.seen.at(-1)) window.seen.push(now);
  };
  look();
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.querySelector('main'), all);
}"""
PIXELS = """async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  return { width: canvas.width, values: [...context.getImageData(0, 0, canvas.width, canvas.height).data] };
}"""
ROWS = re.compile(r"day-(\d+)/\S+: ([\d,]+) rows count")


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def printed_address(laboratory: Laboratory, service: subprocess.Popen[bytes]) -> str:
    """Return the link that the service prints, once it does."""
    end = time.monotonic() + PATIENCE_S
    while not (found := re.search(r"Open (http://\S+)", laboratory.said)):
        assert service.poll() is None, laboratory.said
        assert time.monotonic() < end
        time.sleep(0.05)
    return found[1]


def decide(page: Page, button: str, *, by: str, reason: str) -> None:
    """Press a button of the page, fill in who and why, and wait until the page says that it is done."""
    page.get_by_role("button", name=button).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your name").fill(by)
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#said")).to_be_visible()


@dataclass(frozen=True)
class Counts:
    """What the page said of a session at a moment."""

    day: int
    rows: int
    accepted: int
    rejected: int


def counts_in(seen: list[dict[str, Any]]) -> set[Counts]:
    found = set()
    for one in seen:
        if rows := ROWS.search(one["session"]):
            figures = {name: _number(value) for name, value, *_ in one["figures"] if name in {"accepted", "rejected"}}
            found.add(Counts(int(rows[1]), _number(rows[2]), **figures))
    return found


def session_shown(page: Page) -> int | None:
    """Return the day whose session the page shows now."""
    rows = ROWS.search(page.locator("#panel-session").text_content() or "")
    return int(rows[1]) if rows else None


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def counts_of_journal(paths: StudyPaths, day: int) -> dict[int, Counts]:
    """Return what a journal says after each of its rows, counted here."""
    found, accepted, rejected = {}, 0, 0
    for k, row in enumerate(read_journal(catalog.JOURNAL.published(paths, day)).rows, start=1):
        if isinstance(row, Presentation):
            accepted += row.outcome == "accepted"
            rejected += row.outcome == "rejected"
        found[k] = Counts(day, k, accepted, rejected)
    return found


def shown_pixels(page: Page, source: str) -> np.ndarray:
    """Return an image as the browser shows it, (height, width, 3)."""
    found = page.evaluate(PIXELS, source)
    pixels = np.array(found["values"], np.uint8).reshape(-1, found["width"], 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, page.inner_text("main")
        page.wait_for_timeout(50)  # the browser's events are heard meanwhile


@pytest.mark.timeout(900)
def test_a_dry_run_is_followed_and_decided_from_the_page_alone(laboratory: Laboratory, tmp_path: Path) -> None:
    protocol = tmp_path / "held.yaml"
    protocol.write_text(PROTOCOL.read_text() + HELD)
    study = laboratory.study(protocol=protocol)
    paths = StudyPaths(study)
    with laboratory.serving(study, "--port", "0") as service, browsing(tmp_path) as browser:
        page = browser.open(printed_address(laboratory, service))
        page.get_by_role("link", name="study").click()
        page.evaluate(REMEMBER)
        for day in (0, 1):
            await_hold(page, f"finding-{day}-preflight-hours")
            assert not catalog.JOURNAL.published(paths, day).exists()  # nothing is shown that is held
            compare_thumbnails(page, paths, day)
            decide(page, "Approve", by="Ada <b>", reason=f"pilot of day {day} & no more")
            if day == 0:
                await_hold(page, "finding-0-intake-lost_codes")
            else:
                wait_until(page, lambda: page.locator("#panel-stages .facts .state").inner_text() == "done")
            # A session on the virtual clock takes a moment, and the page is paced: the held study waits for it.
            wait_until(page, lambda day=day: session_shown(page) == day)
            if day == 0:
                assert not catalog.SESSION.published(paths, 1).exists()  # what a day found holds the next one's making
                decide(page, "Approve", by="Ada <b>", reason="its codes are right")
        seen = [json.loads(text) for text in page.evaluate("() => window.seen")]
    compare_stages(seen)
    moments = counts_in(seen)
    assert {moment.day for moment in moments} == {0, 1}
    for day in (0, 1):
        told = counts_of_journal(paths, day)
        for moment in (moment for moment in moments if moment.day == day):
            assert moment == told[moment.rows]
    decided = [one for one in read_amendments(paths.amendments) if one.kind == "approve_gate"]
    assert [(one.day, one.subject, one.who, one.why) for one in decided] == [
        (0, ("preflight", "hours"), "Ada <b>", "pilot of day 0 & no more"),
        (0, ("intake", "lost_codes"), "Ada <b>", "its codes are right"),
        (1, ("preflight", "hours"), "Ada <b>", "pilot of day 1 & no more"),
    ]


def await_hold(page: Page, finding: str) -> None:
    """Wait until the page says that a gate holds, and can be approved."""
    approve = page.locator(f"#{finding}").get_by_role("button", name="Approve")
    expect(approve).to_be_visible(timeout=PATIENCE_S * 1000)
    expect(page.locator("#panel-stages .facts .state")).to_have_text("held", timeout=PATIENCE_S * 1000)


def compare_thumbnails(page: Page, paths: StudyPaths, day: int) -> None:
    """Compare every picture of the next session on the page with the bytes that the rig would show."""
    expect(page.locator("#panel-tomorrow")).to_contain_text(f"Day {day}.")
    images = np.load(catalog.SESSION_IMAGES.published(paths, day))
    rows = {stimulus_id(pixels): pixels for pixels in images}
    cards = page.locator("#tomorrow-cards > li").all()
    assert len(cards) > 1
    for card in cards:
        name = str(card.get_attribute("id")).split("-")[1]
        source = card.locator('img[alt^="as shown"]')
        np.testing.assert_array_equal(shown_pixels(page, str(source.get_attribute("src"))), rows[name])


def compare_stages(seen: list[dict[str, Any]]) -> None:
    """See each stage go forward and never back, at least one of them while it was at work."""
    order = {"to come": 0, "stale": 0, "waiting": 1, "being shown": 1, "stopped": 1, "running": 1, "done": 2}
    reached: dict[str, int] = {}
    for one in seen:
        for name, state in one["stages"].items():
            assert order[state] >= reached.get(name, 0), (name, state)
            reached[name] = order[state]
    assert any("running" in one["stages"].values() for one in seen)
    assert all(reached[f"1-{stage}"] == 2 for stage in STAGES[:-1])
